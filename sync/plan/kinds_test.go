package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLinkQueries(t *testing.T) {
	links := []Link{
		{Kind: Contact, ID: "1", Refused: true},
		{Kind: Company, ID: "2"},
		{Kind: Deal, ID: "3", Refused: true},
		{Kind: Deal, ID: "2"},
	}
	for _, tt := range []struct {
		kind Kind
		made bool
		ids  []string
	}{
		{Contact, false, []string{"1"}},
		{Company, true, []string{"2"}},
		{Deal, true, []string{"3", "2"}},
	} {
		if got := HasMade(links, tt.kind); got != tt.made {
			t.Errorf("HasMade(%s) = %v, want %v", tt.kind, got, tt.made)
		}
		if d := cmp.Diff(tt.ids, LinkIDs(links, tt.kind)); d != "" {
			t.Errorf("LinkIDs(%s):\n%s", tt.kind, d)
		}
	}
	if !HasMadeLink(links, Deal, "2") || HasMadeLink(links, Deal, "3") || HasMadeLink(links, Contact, "2") {
		t.Error("HasMadeLink must ask for kind and id, and ignore refused links")
	}
	if d := cmp.Diff([]Kind{Contact, Company, Deal}, Kinds()); d != "" {
		t.Error(d)
	}
	Kinds()[0] = "changed"
	if Kinds()[0] != Contact {
		t.Error("a caller changed the list of kinds")
	}
}
