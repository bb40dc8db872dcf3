package stats

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

const schemaFile = "../../configs/stats.schema.json"

// schema returns the published schema of the JSON document.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks a report of the command's document.
func validate(s *jsonschema.Schema, report []byte) error {
	return validateDocument(s, []byte(`{"portals":[`+string(report)+`]}`))
}

// validateDocument checks the command's document.
func validateDocument(s *jsonschema.Schema, document []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestSchemaOfGoldenFiles(t *testing.T) {
	s := schema(t)
	for _, name := range []string{"example.json", "nothing.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaOfProblems(t *testing.T) {
	if err := validateDocument(schema(t), []byte(`{"portals":[],"problems":[{"portal":"acme","problem":"no state yet"}]}`)); err != nil {
		t.Error(err)
	}
}

func TestSchemaOfAnyReport(t *testing.T) {
	s := schema(t)
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(genCourse(), 0, 20).Draw(t, "records")
		o := Options{Now: day(rapid.SampledFrom([]time.Month{1, 3, 9}).Draw(t, "month"), 1), LastSync: day(1, 1)}
		if rapid.Bool().Draw(t, "filtered") {
			o.Filter = Filter{From: "2026-01-15", To: "2026-02-20", Sender: "a", Type: "b", Status: plan.Redeemed, Currency: "USD"}
		}
		rep, err := Compute(records(list), o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, data); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSchemaBites: the schema refuses documents that are wrong.
func TestSchemaBites(t *testing.T) {
	s := schema(t)
	data, err := os.ReadFile("testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, changed string }{
		{`"total_sent": 6`, `"total_sent": "6"`},
		{`"total_sent": 6`, `"total_sent": -6`},
		{`"total_sent": 6`, `"total_sent": 6, "extra": 1`},
		{`"total_sent": 6`, `"sent": 6`},
		{`"made_at": "2026-03-13T12:00:00Z"`, `"made_at": "yesterday"`},
		{`"redemption_rate": 0.5`, `"redemption_rate": 50`},
		{`"USD": "15.005"`, `"USD": 15.005`},
		{`"USD": "15.005"`, `"USD": "15,005"`},
		{`"status": "delivered"`, `"status": "arrived"`},
	} {
		wrong := bytes.Replace(data, []byte(tt.old), []byte(tt.changed), 1)
		if bytes.Equal(wrong, data) {
			t.Errorf("the document has no %s", tt.old)
		} else if validate(s, wrong) == nil {
			t.Errorf("%s is accepted", tt.changed)
		}
	}
}

// TestSchemaSaysWhatExplainSays compares the descriptions of both. With -update the
// schema gets those of --explain.
func TestSchemaSaysWhatExplainSays(t *testing.T) {
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Defs struct {
			Report struct {
				Properties map[string]struct{ Description string }
			}
			Overall struct{ Description string }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	for _, d := range Definitions() {
		got := doc.Defs.Report.Properties[d.Field].Description
		if d.Field == "overall" { // which stands beside the reports
			got = doc.Defs.Overall.Description
		}
		switch {
		case got == d.Text:
		case *update && got != "":
			data = bytes.Replace(data, quoted(t, got), quoted(t, d.Text), 1)
		default:
			t.Errorf("%s: the schema says %q, and --explain %q: run go test ./sync/stats -update", d.Field, got, d.Text)
		}
	}
	if *update {
		if err := os.WriteFile(schemaFile, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func quoted(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
