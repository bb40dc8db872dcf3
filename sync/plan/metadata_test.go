package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMetadata: of each property the latest value counts, alone and among others.
func TestMetadata(t *testing.T) {
	t.Parallel()
	said := func(minute int, name, value string) Gift {
		return Gift{ID: "T-1", Metadata: map[string]Detail{name: {value, epoch.Add(time.Duration(minute) * time.Minute)}}}
	}
	g := mergeAll([]Gift{said(5, "cost_center", " new\nline "), said(1, "cost_center", "old"), said(2, "campaign", "spring"), {ID: "T-1", Name: "Tea"}})
	want := map[string]string{"thnks_transaction_id": "T-1", "gift_name": "Tea", "status": "unknown", "cost_center": "new line", "campaign": "spring"}
	if d := cmp.Diff(want, Properties(g)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	have := Stored{ObjectID: "1", Gift: g, Mapping: Mapping}
	props, reasons := Rules{}.Diff(Merge(g, said(9, "campaign", "autumn")), have)
	if d := cmp.Diff(map[string]string{"campaign": "autumn"}, props); d != "" || cmp.Diff([]string{"campaign"}, reasons) != "" {
		t.Errorf("written: %v for %q", props, reasons)
	}
	if d := cmp.Diff(map[string]Detail{"campaign": g.Metadata["campaign"]}, g.OfMetadata([]string{"campaign", "other"}).Metadata); d != "" {
		t.Errorf("of one property (-want +got):\n%s", d)
	}
	fields := Fields("cost_center", "x")
	if f := fields[len(fields)-2]; f.Name != "cost_center" || f.Label != "Cost Center" || f.Type != "string" || !f.Extra || f.Searchable || f.Required {
		t.Errorf("field %+v", f)
	}
	if label := fields[len(fields)-1].Label; label != "X" {
		t.Errorf("label %q", label)
	}
}
