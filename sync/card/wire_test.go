package card_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"thnks-hubspot-sync/sync/card"
)

// TestExamples: the examples that the pages in HubSpot are written by are what this
// room writes, field by field. HubSpot's own requests have further fields.
func TestExamples(t *testing.T) {
	ours := map[string]any{
		"gifts": new(card.Gifts), "form": new(card.Form), "preview-request": new(card.Draft), "preview": new(card.Preview),
		"send-request": new(card.Draft), "sends": new(card.Sends), "settings": new(card.Settings), "problem": new(card.Problem),
		"outcome": new(card.Outcome), "options": new(card.Options),
	}
	theirs := map[string]any{"execution": new(card.Execution), "options-request": new(card.OptionsRequest)}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) != len(ours)+len(theirs) {
		t.Fatalf("there are %d examples: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file[:len(file)-len(".json")])
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if into := theirs[name]; into != nil {
			if err := json.Unmarshal(text, into); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(ours[name]); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		again, err := json.Marshal(ours[name])
		if err != nil {
			t.Fatal(err)
		}
		if want := compact(t, text); !bytes.Equal(again, want) {
			t.Errorf("%s is\n%s\nand we write\n%s", file, want, again)
		}
	}
}

func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
