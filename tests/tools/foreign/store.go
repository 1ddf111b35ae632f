package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Series in memory, by the text of their labels.
type store map[string]*series

type series struct {
	labels  labels.Labels
	samples []chunks.Sample
}

// Loads scrapes as Prometheus does: samples get the target's labels and the time of the scrape, `up` says whether it went
// well, and a series that a target no longer has ends.
func load(scrapes []scrape) (store, error) {
	found := store{}
	before := map[string][]labels.Labels{}
	slices.SortStableFunc(scrapes, func(a, b scrape) int { return cmp.Compare(a.At, b.At) })
	for _, each := range scrapes {
		target, at := labels.FromMap(each.Labels), milliseconds(each.At)
		up, now := 0.0, map[string]bool{}
		var all []labels.Labels
		if each.Text != nil {
			up = 1
			err := parse(*each.Text, func(metric labels.Labels, given *int64, number float64) {
				metric = withTarget(metric, target)
				if given == nil {
					given = &at
				}
				found.append(metric, *given, number)
				now[metric.String()] = true
				all = append(all, metric)
			})
			if err != nil {
				return nil, fmt.Errorf("scrape at %v: %w", each.At, err)
			}
		}
		for _, metric := range before[target.String()] {
			if !now[metric.String()] {
				found.append(metric, at, math.Float64frombits(value.StaleNaN))
			}
		}
		before[target.String()] = all
		found.append(withTarget(labels.FromStrings(labels.MetricName, "up"), target), at, up)
	}
	return found, nil
}

// Calls `each` with every sample of a text in the format of OpenMetrics, or else of Prometheus.
func parse(text string, each func(labels.Labels, *int64, float64)) error {
	contentType := "text/plain"
	if strings.HasSuffix(strings.TrimRight(text, "\n"), "# EOF") {
		contentType = "application/openmetrics-text"
	}
	parser, err := textparse.New([]byte(text), contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return err
	}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry == textparse.EntrySeries {
			_, at, value := parser.Series()
			var metric labels.Labels
			parser.Labels(&metric)
			each(metric, at, value)
		}
	}
}

// The target's labels win, and what the series said of itself is kept beside them.
func withTarget(metric, target labels.Labels) labels.Labels {
	builder := labels.NewBuilder(metric)
	target.Range(func(label labels.Label) {
		if said := metric.Get(label.Name); said != "" {
			builder.Set("exported_"+label.Name, said)
		}
		builder.Set(label.Name, label.Value)
	})
	return builder.Labels()
}

// A sample of a number: there are no native histograms in a text.
type sample struct {
	at    int64
	value float64
}

func (s sample) T() int64                      { return s.at }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.value }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return nil }
func (s sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s sample) Copy() chunks.Sample           { return s }

func (s store) append(metric labels.Labels, at int64, value float64) {
	key := metric.String()
	if s[key] == nil {
		s[key] = &series{labels: metric}
	}
	s[key].samples = append(s[key].samples, sample{at, value})
}

// Querier makes it a storage.Queryable.
func (s store) Querier(int64, int64) (storage.Querier, error) {
	return querier{storage.NoopQuerier(), s}, nil
}

type querier struct {
	storage.Querier
	store store
}

// Select gives the series that all matchers match, in the order of their labels.
func (q querier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	var found []storage.Series
	for _, each := range q.store {
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(each.labels.Get(m.Name)) }) {
			continue
		}
		found = append(found, storage.NewListSeries(each.labels, each.samples))
	}
	slices.SortFunc(found, func(a, b storage.Series) int { return labels.Compare(a.Labels(), b.Labels()) })
	return &set{series: found, at: -1}
}

type set struct {
	series []storage.Series
	at     int
}

func (s *set) Next() bool                        { s.at++; return s.at < len(s.series) }
func (s *set) At() storage.Series                { return s.series[s.at] }
func (s *set) Err() error                        { return nil }
func (s *set) Warnings() annotations.Annotations { return nil }
