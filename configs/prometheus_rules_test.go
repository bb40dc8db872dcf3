package configs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestPrometheusRules: the alert rules are YAML with nothing but what Prometheus
// knows. Each has a severity, says what is wrong and what to do, and is tried,
// where it fires and where it must not.
func TestPrometheusRules(t *testing.T) {
	type rule struct {
		Record, Alert, Expr, For string
		Labels                   struct{ Severity string }
		Annotations              struct{ Summary, Description string }
	}
	var rules struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	parseStrictly(t, "prometheus-rules.yaml", &rules)

	type expectation struct {
		EvalTime  string `yaml:"eval_time"`
		Alertname string
		ExpAlerts []struct {
			ExpLabels      map[string]string `yaml:"exp_labels"`
			ExpAnnotations map[string]string `yaml:"exp_annotations"`
		} `yaml:"exp_alerts"`
	}
	var trials struct {
		RuleFiles          []string `yaml:"rule_files"`
		EvaluationInterval string   `yaml:"evaluation_interval"`
		Tests              []struct {
			Name, Interval string
			InputSeries    []struct{ Series, Values string } `yaml:"input_series"`
			AlertRuleTest  []expectation                     `yaml:"alert_rule_test"`
		}
	}
	parseStrictly(t, "testdata/prometheus-rules_test.yaml", &trials)
	fires, silent := make(map[string]bool), make(map[string]bool)
	for _, trial := range trials.Tests {
		for _, e := range trial.AlertRuleTest {
			fires[e.Alertname] = fires[e.Alertname] || len(e.ExpAlerts) > 0
			silent[e.Alertname] = silent[e.Alertname] || len(e.ExpAlerts) == 0
		}
	}

	alerts, records := 0, 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				records++
				continue
			}
			alerts++
			if !regexp.MustCompile(`^ThnksSync[A-Z][A-Za-z]+$`).MatchString(r.Alert) || strings.TrimSpace(r.Expr) == "" {
				t.Errorf("%q is no alert", r.Alert)
			}
			if s := r.Labels.Severity; s != "critical" && s != "warning" && s != "info" {
				t.Errorf("%s: severity %q", r.Alert, s)
			}
			if r.Annotations.Summary == "" || !strings.HasSuffix(r.Annotations.Description, ".") {
				t.Errorf("%s does not say what is wrong and what to do", r.Alert)
			}
			if !fires[r.Alert] || !silent[r.Alert] {
				t.Errorf("%s is not tried where it fires, or not where it must not", r.Alert)
			}
			delete(fires, r.Alert)
		}
	}
	if alerts < 10 || records < 3 {
		t.Errorf("%d alerts and %d recording rules", alerts, records)
	}
	for name := range fires {
		t.Errorf("%s is tried, and there is no such alert", name)
	}
}

// parseStrictly reads a file that has no other fields than those of v.
func parseStrictly(t *testing.T, path string, v any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
