package hubspot

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/hubspot/hubspottest/contract"
)

// Pages begin behind each other, show each contact with additional addresses once,
// by id, and only those that have changed since where that is asked.
func TestContactsWithAdditionalEmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := contract.New(t, hubspottest.Options{Seed: 1, Token: "test"})
		var want []string
		for i := range 450 {
			id := p.AddContact(fmt.Sprintf("main%d@example.com", i), map[string]string{"hs_additional_emails": fmt.Sprintf("p%d@example.com", i)})
			p.AddContact(fmt.Sprintf("other%d@example.com", i), nil)
			want = append(want, id)
		}
		time.Sleep(time.Hour)
		since := time.Now()
		p.UpdateProperties("contacts", want[7], map[string]string{"firstname": "Ada"})

		c := clientOf(t, p)
		var got []string
		for after, left := "", 450; left > 0; {
			page, err := c.ContactsWithAdditionalEmail(t.Context(), after, time.Time{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if page.Total != left || len(page.Objects) != min(left, 200) {
				t.Fatalf("behind %q: %d contacts of %d, want %d of %d", after, len(page.Objects), page.Total, min(left, 200), left)
			}
			for _, o := range page.Objects {
				got = append(got, o.ID)
			}
			left -= len(page.Objects)
			after = got[len(got)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d contacts, want %d, by id", len(got), len(want))
		}
		page, err := c.ContactsWithAdditionalEmail(t.Context(), "", since, nil)
		if err != nil || page.Total != 1 || page.Objects[0].ID != want[7] || page.Objects[0].Properties["hs_additional_emails"] != "p7@example.com" {
			t.Errorf("changed since: %+v, %v; want contact %s", page, err, want[7])
		}
		if calls := c.Calls(); calls[Search] != 4 || calls[Objects] != 0 {
			t.Errorf("calls %v, want 4 searches", calls)
		}
	})
}

// An answer that is not sorted, or shows fewer than it says, does not tell who has
// additional addresses.
func TestContactsWithAdditionalEmailUnexpected(t *testing.T) {
	for name, body := range map[string]any{
		"no results":  map[string]any{"total": 0},
		"too few":     map[string]any{"total": 3, "results": []any{map[string]any{"id": "7"}}},
		"not sorted":  map[string]any{"total": 2, "results": []any{map[string]any{"id": "9"}, map[string]any{"id": "8"}}},
		"twice":       map[string]any{"total": 2, "results": []any{map[string]any{"id": "9"}, map[string]any{"id": "9"}}},
		"one before":  map[string]any{"total": 1, "results": []any{map[string]any{"id": "5"}}},
		"without ids": map[string]any{"total": 1, "results": []any{map[string]any{}}},
	} {
		c := clientOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, body) }))
		_, err := c.ContactsWithAdditionalEmail(t.Context(), "5", time.Time{}, nil)
		t.Log(name)
		checkKind(t, err, Unexpected)
	}
}
