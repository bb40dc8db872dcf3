package metrics

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"thnks-hubspot-sync/sync/daemon"
)

// The files that name our metrics.
var (
	rulesFile     = "../../configs/prometheus-rules.yaml"
	trialsFile    = "../../configs/testdata/prometheus-rules_test.yaml"
	dashboardFile = "../../configs/grafana-dashboard.json"
)

// A vocabulary is what the page has: the names of metrics, and the values of
// labels that have few.
type vocabulary struct {
	metrics map[string]bool
	labels  map[string]map[string]bool
}

// spoken is all that a daemon can show.
func spoken(t *testing.T) vocabulary {
	t.Helper()
	r := used("acme").registry(service(func() []daemon.Figures { return []daemon.Figures{busy("acme")} }), noLoad, slog.New(slog.DiscardHandler))
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary{map[string]bool{"up": true}, make(map[string]map[string]bool)}
	for _, f := range families {
		names := []string{f.GetName()}
		if f.GetType().String() == "HISTOGRAM" {
			names = []string{f.GetName() + "_bucket", f.GetName() + "_sum", f.GetName() + "_count"}
		}
		for _, name := range names {
			v.metrics[name] = true
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if v.labels[l.GetName()] == nil {
					v.labels[l.GetName()] = make(map[string]bool)
				}
				v.labels[l.GetName()][l.GetValue()] = true
			}
		}
	}
	return v
}

var (
	metricName = regexp.MustCompile(`\b(thnks_sync|go|process)_[a-z0-9_]+\b`)
	recorded   = regexp.MustCompile(`\bthnks_sync:[a-z0-9_:]+\b`)
	matcher    = regexp.MustCompile(`\b([a-z]+)\s*(=~|!~|!=|=)\s*\\?"([^"\\]*)\\?"`)
)

// wrong lists what a text says that the page does not have.
func (v vocabulary) wrong(text string) (wrong []string) {
	for _, name := range metricName.FindAllString(text, -1) {
		if !v.metrics[name] {
			wrong = append(wrong, "there is no metric "+name)
		}
	}
	for _, m := range matcher.FindAllStringSubmatch(text, -1) {
		values, ours := v.labels[m[1]]
		if !ours || m[1] == labelPortal || strings.Contains(m[3], "$") {
			continue
		}
		for value := range strings.SplitSeq(m[3], "|") {
			if !values[value] {
				wrong = append(wrong, fmt.Sprintf("label %s never has the value %q", m[1], value))
			}
		}
	}
	return wrong
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestFilesNameWhatThereIs: every metric that the rules, their trials and the
// dashboard name is on the page, and so are the values of its labels. What is
// recorded by a rule is recorded.
func TestFilesNameWhatThereIs(t *testing.T) {
	t.Parallel()
	v := spoken(t)
	rules := read(t, rulesFile)
	for path, least := range map[string]int{rulesFile: 20, trialsFile: 30, dashboardFile: 40} {
		text := read(t, path)
		for _, bad := range v.wrong(text) {
			t.Errorf("%s: %s", path, bad)
		}
		if n := len(metricName.FindAllString(text, -1)); n < least {
			t.Errorf("%s names only %d metrics: the test sees less than it should", path, n)
		}
		for _, name := range recorded.FindAllString(text, -1) {
			if !strings.Contains(rules, "record: "+name+"\n") {
				t.Errorf("%s: no rule records %s", path, name)
			}
		}
	}
	for _, text := range []string{
		"thnks_sync_run_total", `runs_total{end="okay"}`, `x{mode=~\"backfill|restart\"}`, "go_gorutines > 1",
		"thnks_sync_run_duration_seconds", `x{status!="200"}`,
	} {
		if len(v.wrong(text)) != 1 {
			t.Errorf("%s passes", text)
		}
	}
}

// TestDashboardShowsAll: every metric of ours is on the dashboard or in a rule,
// and each panel has a place of its own.
func TestDashboardShowsAll(t *testing.T) {
	t.Parallel()
	text := read(t, dashboardFile)
	for _, name := range slices.Sorted(maps.Keys(spoken(t).metrics)) {
		if strings.HasPrefix(name, "thnks_sync_") && !strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") &&
			!strings.Contains(text+read(t, rulesFile), name) {
			t.Errorf("nothing shows %s", name)
		}
	}
	var dashboard struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal([]byte(text), &dashboard); err != nil {
		t.Fatal(err)
	}
	cells, ids := make(map[[2]int]string), make(map[int]bool)
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d, %q: no number or no title of its own", p.ID, p.Title)
		}
		ids[p.ID] = true
		refs := make(map[string]bool)
		for _, q := range p.Targets {
			if refs[q.RefID] || q.Expr == "" {
				t.Errorf("%s: query %q is doubled or empty", p.Title, q.RefID)
			}
			refs[q.RefID] = true
		}
		if (p.Type == "row") == (len(p.Targets) > 0) {
			t.Errorf("%s: %d queries", p.Title, len(p.Targets))
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %s, or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
	if dashboard.UID == "" || len(ids) < 25 {
		t.Errorf("%d panels of dashboard %q", len(ids), dashboard.UID)
	}
}
