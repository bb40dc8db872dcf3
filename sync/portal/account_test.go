package portal

import (
	"encoding/json"
	"testing"
)

// entries is a memory of what was remembered.
type entries map[string]any

func (e entries) Recall(name string, v any) (bool, error) {
	stored, known := e[name]
	if !known {
		return false, nil
	}
	data, err := json.Marshal(stored)
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(data, v)
}

// TestRecallRecords: gifts have an address once all of it is known, and none that
// leads elsewhere.
func TestRecallRecords(t *testing.T) {
	t.Parallel()
	object := Definition{TypeID: "2-123"}
	for _, tt := range []struct {
		memory entries
		want   string
	}{
		{entries{accountEntry: AccountInfo{ID: "62515", UIDomain: "app-eu1.hubspot.com"}, objectEntry: object}, "https://app-eu1.hubspot.com/contacts/62515/record/2-123/"},
		{entries{accountEntry: AccountInfo{ID: "62515"}, objectEntry: object}, ""}, // from before it was kept
		{entries{accountEntry: AccountInfo{ID: "62515", UIDomain: "app.hubspot.com"}}, ""},
		{entries{objectEntry: object}, ""},
		{entries{accountEntry: AccountInfo{ID: "62515", UIDomain: "app.hubspot.com/@evil.example"}, objectEntry: object}, ""},
		{entries{accountEntry: AccountInfo{ID: "62515", UIDomain: "evil.example:80"}, objectEntry: object}, ""},
		{entries{accountEntry: AccountInfo{ID: "1/../2", UIDomain: "app.hubspot.com"}, objectEntry: Definition{TypeID: "2?x"}}, "https://app.hubspot.com/contacts/1%2F..%2F2/record/2%3Fx/"},
	} {
		got, err := RecallRecords(tt.memory)
		if err != nil || got != tt.want {
			t.Errorf("%v: %q, %v; want %q", tt.memory, got, err, tt.want)
		}
	}
	if _, err := RecallRecords(entries{accountEntry: "no account"}); err == nil {
		t.Error("an entry that cannot be read is not reported")
	}
}
