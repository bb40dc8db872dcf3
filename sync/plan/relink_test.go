package plan

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRelink(t *testing.T) {
	now := epoch.Add(24 * time.Hour)
	rules := Rules{Companies: true, MaxDeals: 10, Lookback: 90 * 24 * time.Hour, Now: now}
	to := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: now} }
	found := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: now, Found: true} }
	before := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: epoch} }
	refused := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: epoch, Refused: true} }
	ann := Match{ID: "101", Company: "9", Deals: []OpenDeal{{ID: "5"}}}
	bob := Match{ID: "102", Company: "8", Deals: []OpenDeal{{ID: "6"}}}
	who := Directory{"ann@example.com": ann}
	lately := Gift{ID: "T-1", Recipient: Person{Email: "ann@example.com"}, Times: map[Status]time.Time{Sent: epoch}}
	longAgo := lately
	longAgo.Times = map[Status]time.Time{Sent: epoch.AddDate(-1, 0, 0)}

	for _, tt := range []struct {
		name    string
		have    Stored
		seen    []Link
		contact Match
		action  Action
		missing []Link
		after   []Link
		orphan  Orphan
		noted   bool
		removed []Link
		deals   int // at most so many; 0 for 10
	}{
		{
			name: "an orphan's match", have: Stored{Gift: longAgo, Orphan: NoContact},
			action: Update, missing: []Link{to(Contact, "101"), to(Company, "9"), to(Deal, "5")},
			after: []Link{to(Contact, "101"), to(Company, "9"), to(Deal, "5")}, noted: true,
		},
		{
			name: "a contact linked by hand counts as the match", have: Stored{Gift: longAgo, Orphan: NoContact},
			seen: []Link{{Kind: Contact, ID: "102"}}, contact: bob,
			action: Update, missing: []Link{to(Company, "8"), to(Deal, "6")},
			after: []Link{found(Contact, "102"), to(Company, "8"), to(Deal, "6")}, noted: true,
		},
		{
			name: "nothing to do", have: Stored{Gift: lately, Links: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "5")}},
			seen:    []Link{{Kind: Contact, ID: "101"}, {Kind: Company, ID: "9"}, {Kind: Deal, ID: "5"}},
			contact: ann, action: Keep, after: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "5")},
		},
		{
			name: "users removed company and deal", have: Stored{Gift: lately, Links: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "5")}},
			seen: []Link{{Kind: Contact, ID: "101"}}, contact: ann,
			action: Keep, after: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "5")},
		},
		{
			name:    "users removed the company, and the contact has another one",
			have:    Stored{Gift: longAgo, Links: []Link{before(Contact, "101"), before(Company, "7")}},
			seen:    []Link{{Kind: Contact, ID: "101"}},
			removed: []Link{before(Company, "7")}, contact: ann,
			action: Update, missing: []Link{to(Company, "9")}, after: []Link{before(Contact, "101"), before(Company, "7"), to(Company, "9")},
		},
		{
			name:    "users removed the company that the contact still has",
			have:    Stored{Gift: longAgo, Links: []Link{before(Contact, "101"), before(Company, "9")}},
			seen:    []Link{{Kind: Contact, ID: "101"}},
			removed: []Link{before(Company, "9")}, contact: ann,
			action: Keep, after: []Link{before(Contact, "101"), before(Company, "9")},
		},
		{
			name:    "users replaced the company",
			have:    Stored{Gift: longAgo, Links: []Link{before(Contact, "101"), before(Company, "7")}},
			seen:    []Link{{Kind: Contact, ID: "101"}, {Kind: Company, ID: "6"}},
			removed: []Link{before(Company, "7")}, contact: ann,
			action: Keep, after: []Link{before(Contact, "101"), found(Company, "6"), before(Company, "7")}, noted: true,
		},
		{
			name:    "users removed one of as many deals as a gift may have",
			have:    Stored{Gift: lately, Links: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "3"), before(Deal, "4")}},
			seen:    []Link{{Kind: Contact, ID: "101"}, {Kind: Company, ID: "9"}, {Kind: Deal, ID: "3"}},
			removed: []Link{before(Deal, "4")}, contact: ann, deals: 2,
			action: Update, missing: []Link{to(Deal, "5")},
			after: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "3"), before(Deal, "4"), to(Deal, "5")},
		},
		{
			name: "users removed the contact", have: Stored{Gift: lately, Links: []Link{before(Contact, "101")}},
			action: Keep, after: []Link{before(Contact, "101")},
		},
		{
			name: "users replaced the contact", have: Stored{Gift: longAgo, Links: []Link{before(Contact, "101"), before(Company, "9")}},
			seen: []Link{{Kind: Contact, ID: "102"}, {Kind: Company, ID: "9"}}, contact: bob,
			action: Update, missing: []Link{to(Company, "8"), to(Deal, "6")},
			after: []Link{before(Contact, "101"), found(Contact, "102"), to(Company, "8"), before(Company, "9"), to(Deal, "6")}, noted: true,
		},
		{
			name: "the company has come since", have: Stored{Gift: longAgo, Links: []Link{before(Contact, "101")}},
			seen: []Link{{Kind: Contact, ID: "101"}}, contact: ann,
			action: Update, missing: []Link{to(Company, "9")}, after: []Link{before(Contact, "101"), to(Company, "9")},
		},
		{
			name: "a refused contact is not tried again", have: Stored{Gift: lately, Orphan: NoContact, Links: []Link{refused(Contact, "101"), before(Company, "9"), refused(Deal, "5")}},
			action: Keep, after: []Link{refused(Contact, "101"), before(Company, "9"), refused(Deal, "5")}, orphan: NoContact,
		},
		{
			name: "users made the refused link", have: Stored{Gift: longAgo, Orphan: NoContact, Links: []Link{refused(Contact, "101"), before(Company, "9")}},
			seen: []Link{{Kind: Contact, ID: "101"}, {Kind: Company, ID: "9"}}, contact: Match{ID: "101", Company: "9"},
			action: Keep, after: []Link{before(Contact, "101"), before(Company, "9")}, noted: true,
		},
		{
			name: "deleted by users", have: Stored{Gift: lately, Deleted: epoch, Orphan: NoContact},
			action: Skip, orphan: NoContact,
		},
	} {
		r := rules
		r.MaxDeals = cmp.Or(tt.deals, rules.MaxDeals)
		c := Unchanged(tt.have)
		c.Removed = tt.removed
		c = c.Relink(tt.seen, tt.contact, who, r)
		if c.Action != tt.action || c.Orphan != tt.orphan || c.Noted != tt.noted {
			t.Errorf("%s: %s, orphan %q, noted %v; want %s, %q, %v", tt.name, c.Action, c.Orphan, c.Noted, tt.action, tt.orphan, tt.noted)
		}
		if d := gocmp.Diff(tt.missing, c.Links, same); d != "" {
			t.Errorf("%s: missing (-want +got)\n%s", tt.name, d)
		}
		if d := gocmp.Diff(tt.after, c.Stored("7").Links, same); d != "" {
			t.Errorf("%s: afterwards (-want +got)\n%s", tt.name, d)
		}
	}
}

// TestRelinkProperties: existing links are never planned, and once planned links
// are made and seen, nothing is left to plan.
func TestRelinkProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := genStored("T-1").Draw(t, "have")
		have.Gift, have.Deleted = genGift("T-1").Draw(t, "gift"), time.Time{}
		who, r := genDirectory().Draw(t, "who"), genRules().Draw(t, "rules")
		var seen []Link
		for _, l := range genStored("T-1").Draw(t, "seen").Links {
			seen = append(seen, Link{Kind: l.Kind, ID: l.ID})
		}
		match := func() Match {
			var found []Candidate
			for _, l := range seen {
				if l.Kind == Contact {
					found = append(found, Candidate{ID: l.ID})
				}
			}
			return Match{ID: Linked(have, found), Company: "9", Deals: []OpenDeal{{ID: "5"}, {ID: "77"}}}
		}
		contact := match()
		if contact.ID == "" {
			contact = Match{}
		}
		removed := func() []Link {
			return slices.DeleteFunc(slices.Clone(have.Links), func(l Link) bool { return hasID(seen, l.Kind, l.ID) })
		}
		c := Unchanged(have)
		c.Removed = removed()
		c = c.Relink(seen, contact, who, r)
		for _, l := range c.Links {
			if hasID(have.Links, l.Kind, l.ID) || hasID(seen, l.Kind, l.ID) {
				t.Fatalf("%s %s is linked already", l.Kind, l.ID)
			}
		}
		if c.Action == Update != (len(c.Links) > 0) {
			t.Fatalf("%s with links %v", c.Action, c.Links)
		}

		have = c.Stored("7")
		for _, l := range c.Links {
			seen = append(seen, Link{Kind: l.Kind, ID: l.ID})
		}
		if hasKind := has(c.Links, Contact); hasKind {
			contact = match()
		}
		again := Unchanged(have)
		again.Removed = removed()
		again = again.Relink(seen, contact, who, r)
		if len(again.Links) > 0 && !has(c.Links, Contact) || again.Orphan != c.Orphan {
			t.Fatalf("not idempotent: %v, orphan %q → %q", again.Links, c.Orphan, again.Orphan)
		}
	})
}

func TestLinked(t *testing.T) {
	have := Stored{
		Gift:  Gift{Recipient: Person{Email: "ann@example.com"}},
		Links: []Link{{Kind: Contact, ID: "3", At: epoch.Add(time.Hour)}, {Kind: Contact, ID: "4", At: epoch}, {Kind: Contact, ID: "1", Refused: true}},
	}
	c := func(id, email string, age int, additional ...string) Candidate {
		return Candidate{ID: id, Email: email, Additional: additional, Created: epoch.Add(time.Duration(-age) * time.Hour)}
	}
	for _, tt := range []struct {
		name  string
		found []Candidate
		want  string
	}{
		{"none", nil, ""},
		{"known for longest", []Candidate{c("9", "ann@example.com", 9), c("3", "", 0), c("4", "", 0)}, "4"},
		{"unknown: with the address", []Candidate{c("7", "", 9), c("8", "x@example.com", 9, "ann@example.com"), c("9", "ANN@example.com", 1)}, "9"},
		{"unknown: with the secondary address", []Candidate{c("7", "", 9), c("8", "x@example.com", 1, "ann@example.com")}, "8"},
		{"unknown strangers: the oldest", []Candidate{c("7", "", 1), c("8", "", 2)}, "8"},
		{"unknown strangers: the lowest id", []Candidate{c("10", "", 1), c("7", "", 1)}, "7"},
		{"a refused link is none", []Candidate{c("1", "", 1), c("3", "", 0)}, "3"},
	} {
		if got := Linked(have, tt.found); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
