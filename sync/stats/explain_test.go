package stats

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryNumberIsDefined compares the definitions with the report's fields.
func TestEveryNumberIsDefined(t *testing.T) {
	var fields, defined []string
	for f := range reflect.TypeFor[Report]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, name)
	}
	fields = append(fields, "overall") // beside the reports
	for _, d := range Definitions() {
		defined = append(defined, d.Field)
		if d.Title == "" || len(d.Title) > titleWidth || !strings.HasSuffix(d.Text, ".") {
			t.Errorf("%s: %q, %q", d.Field, d.Title, d.Text)
		}
	}
	if d := cmp.Diff(fields, defined); d != "" {
		t.Error(d)
	}
}

func TestExplain(t *testing.T) {
	var out bytes.Buffer
	if err := Explain(&out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > pageWidth+1 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if err := Explain(failing{}); err == nil {
		t.Error("no error")
	}
}
