package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// A question: what an expression is at a time, in seconds, after these scrapes.
type question struct {
	Samples []scrape `json:"samples"`
	Expr    string   `json:"expr"`
	At      float64  `json:"at"`
}

// What one target answered at a time, with the labels that Prometheus gives the target; without a text it did not answer.
type scrape struct {
	At     float64           `json:"at"`
	Text   *string           `json:"text"`
	Labels map[string]string `json:"labels"`
}

// An element of the vector that is the answer.
type element struct {
	Labels labels.Labels `json:"labels"`
	Value  any           `json:"value"`
}

// Evaluates an expression with the engine of Prometheus, as it is configured by default.
func evaluate(input []byte, output io.Writer) error {
	var asked question
	decoder := json.NewDecoder(bytes.NewReader(input))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return err
	}
	store, err := load(asked.Samples)
	if err != nil {
		return err
	}
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples:           50_000_000,
		Timeout:              time.Minute,
		LookbackDelta:        5 * time.Minute,
		EnableAtModifier:     true,
		EnableNegativeOffset: true,
	})
	query, err := engine.NewInstantQuery(context.Background(), store, nil, asked.Expr, time.UnixMilli(milliseconds(asked.At)))
	if err != nil {
		return err
	}
	defer query.Close()
	result := query.Exec(context.Background())
	if result.Err != nil {
		return result.Err
	}
	vector, err := result.Vector()
	if err != nil {
		return fmt.Errorf("%q: %w", asked.Expr, err)
	}
	elements := []element{}
	for _, sample := range vector {
		elements = append(elements, element{Labels: sample.Metric, Value: number(sample.F)})
	}
	return json.NewEncoder(output).Encode(elements)
}

// What JSON cannot say is a text.
func number(value float64) any {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return value
}

func milliseconds(seconds float64) int64 {
	return int64(math.Round(seconds * 1000))
}
