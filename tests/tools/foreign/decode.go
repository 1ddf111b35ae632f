package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	sigsyaml "sigs.k8s.io/yaml"
)

// What a document is, and what it is called.
type header struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

// A value of the type that has this name, by its project.
func typed(name metav1.TypeMeta) any {
	switch name {
	case metav1.TypeMeta{APIVersion: "monitoring.coreos.com/v1", Kind: monitoring.ServiceMonitorsKind}:
		return &monitoring.ServiceMonitor{}
	case metav1.TypeMeta{APIVersion: "monitoring.coreos.com/v1", Kind: monitoring.PrometheusRuleKind}:
		return &monitoring.PrometheusRule{}
	case metav1.TypeMeta{APIVersion: "cert-manager.io/v1", Kind: certmanager.CertificateKind}:
		return &certmanager.Certificate{}
	case metav1.TypeMeta{APIVersion: "cert-manager.io/v1", Kind: certmanager.IssuerKind}:
		return &certmanager.Issuer{}
	}
	return nil
}

// Reads every document, and writes "kind/name" of each.
func decode(input []byte, output io.Writer) error {
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(input)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		var head header
		if err := sigsyaml.Unmarshal(document, &head); err != nil {
			return err
		}
		object := typed(head.TypeMeta)
		if object == nil {
			return fmt.Errorf("no type for %s %s", head.APIVersion, head.Kind)
		}
		if err := decodeStrictly(document, object); err != nil {
			return fmt.Errorf("%s %s: %w", head.Kind, head.Name, err)
		}
		if rule, ok := object.(*monitoring.PrometheusRule); ok {
			if err := checkRules(rule); err != nil {
				return fmt.Errorf("%s %s: %w", head.Kind, head.Name, err)
			}
		}
		fmt.Fprintf(output, "%s/%s\n", head.Kind, head.Name)
	}
}

// As the API server reads custom resources: no field is unknown or there twice, and a number is no text.
func decodeStrictly(document []byte, object any) error {
	text, err := sigsyaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(text, object)
	return errors.Join(append(unknown, err)...)
}

// Reads rules as Prometheus does: expressions, durations, labels, and the templates in annotations.
func checkRules(rule *monitoring.PrometheusRule) error {
	text, err := sigsyaml.Marshal(rule.Spec)
	if err != nil {
		return err
	}
	_, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	return errors.Join(errs...)
}
