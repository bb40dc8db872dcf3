package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLinks(t *testing.T) {
	now := epoch.Add(24 * time.Hour)
	deal := func(id string, age int) OpenDeal {
		return OpenDeal{ID: id, Stage: "s" + id, Amount: id + "00", Created: epoch.Add(time.Duration(-age) * time.Hour)}
	}
	linkTo := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: now} }
	dealLink := func(id string) Link { return Link{Kind: Deal, ID: id, Stage: "s" + id, Amount: id + "00", At: now} }
	before := func(k Kind, id string) Link { return Link{Kind: k, ID: id, At: epoch} }

	ann := Match{ID: "101", Company: "9", Deals: []OpenDeal{deal("6", 1), deal("5", 2), deal("10", 1)}}
	who := Directory{"ann@example.com": ann, "nobody@example.net": {}}
	rules := Rules{Companies: true, MaxDeals: 10, Lookback: 90 * 24 * time.Hour, Now: now}
	with := func(change func(*Rules)) Rules { r := rules; change(&r); return r }
	to := func(address string) Gift {
		return Gift{ID: "T-1", Recipient: Person{Email: address}, Times: map[Status]time.Time{Sent: epoch}}
	}
	longAgo := to("ann@example.com")
	longAgo.Times = map[Status]time.Time{Sent: epoch.AddDate(0, -6, 0)}
	ambiguous := ann
	ambiguous.Ambiguous = true

	for _, tt := range []struct {
		name      string
		gift      Gift
		have      Stored
		who       Directory
		rules     Rules
		missing   []Link
		orphan    Orphan
		ambiguous bool
		cut       int
	}{
		{
			name: "all at once", gift: to(" Ann@EXAMPLE.com"), who: who, rules: rules,
			missing: []Link{linkTo(Contact, "101"), linkTo(Company, "9"), dealLink("5"), dealLink("6"), dealLink("10")},
		},
		{
			name: "companies off, two deals at most: newest first, then lowest id", gift: to("ann@example.com"), who: who,
			rules:   with(func(r *Rules) { r.Companies, r.MaxDeals = false, 2 }),
			missing: []Link{linkTo(Contact, "101"), dealLink("6"), dealLink("10")}, cut: 1,
		},
		{
			name: "one deal at most", gift: to("ann@example.com"), who: who,
			rules:   with(func(r *Rules) { r.Companies, r.MaxDeals = false, 1 }),
			missing: []Link{linkTo(Contact, "101"), dealLink("6")}, cut: 2,
		},
		{
			name: "an old gift linked now gets today's deals", gift: longAgo, who: who, rules: rules,
			missing: []Link{linkTo(Contact, "101"), linkTo(Company, "9"), dealLink("5"), dealLink("6"), dealLink("10")},
		},
		{
			name: "several contacts matched", gift: to("ann@example.com"), who: Directory{"ann@example.com": ambiguous},
			rules:   with(func(r *Rules) { r.Companies, r.MaxDeals = false, 0 }),
			missing: []Link{linkTo(Contact, "101")}, ambiguous: true, cut: 3,
		},
		{name: "no address", gift: to(" "), who: who, rules: rules, orphan: NoEmail},
		{name: "not an address", gift: to("ann at example"), who: who, rules: rules, orphan: BadEmail},
		{name: "no contact", gift: to("nobody@example.net"), who: who, rules: rules, orphan: NoContact},
		{name: "not looked up", gift: to("else@example.net"), have: Stored{Orphan: NoContact}, who: who, rules: rules, orphan: NoContact},
		{
			name: "orphan finds its contact", gift: to("ann@example.com"), have: Stored{ObjectID: "7", Orphan: NoContact}, who: who,
			rules:   with(func(r *Rules) { r.MaxDeals = 0 }),
			missing: []Link{linkTo(Contact, "101"), linkTo(Company, "9")}, cut: 3,
		},
		{
			name: "linked, sent recently: a new deal", gift: to("ann@example.com"), who: who, rules: rules,
			have:    Stored{Links: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "5"), before(Deal, "6")}},
			missing: []Link{dealLink("10")},
		},
		{
			name: "linked, sent recently: no room", gift: to("ann@example.com"), who: who,
			rules: with(func(r *Rules) { r.MaxDeals = 2 }),
			have:  Stored{Links: []Link{before(Contact, "101"), before(Company, "9"), before(Deal, "1"), before(Deal, "6")}},
			cut:   2,
		},
		{
			name: "linked, sent long ago: only the company", gift: longAgo, who: who, rules: rules,
			have:    Stored{Links: []Link{before(Contact, "101")}},
			missing: []Link{linkTo(Company, "9")},
		},
		{
			name: "the contact has moved to another company", gift: longAgo, who: who, rules: rules,
			have: Stored{Links: []Link{before(Contact, "101"), before(Company, "8")}},
		},
		{
			name: "linked to another contact by hand", gift: to("ann@example.com"), who: who, rules: rules,
			have: Stored{Links: []Link{before(Contact, "55")}, Ambiguous: true}, ambiguous: true,
		},
		{
			name: "linked, the address is bad by now", gift: to("ann"), who: who, rules: rules,
			have: Stored{Links: []Link{before(Contact, "101")}},
		},
		{
			name: "linked, the contact is not found by the address any more", gift: to("nobody@example.net"), who: who, rules: rules,
			have: Stored{Links: []Link{before(Contact, "101")}},
		},
		{
			name: "contact gone, no other", gift: to("nobody@example.net"), who: who, rules: rules,
			have: Stored{Links: []Link{before(Contact, "55")}, Orphan: ContactGone}, orphan: ContactGone,
		},
		{
			name: "contact gone, another took its place", gift: to("ann@example.com"), who: who,
			rules:   with(func(r *Rules) { r.MaxDeals = 0 }),
			have:    Stored{Links: []Link{before(Contact, "55"), before(Company, "8")}, Orphan: ContactGone},
			missing: []Link{linkTo(Contact, "101"), linkTo(Company, "9")}, cut: 3,
		},
	} {
		missing, orphan, ambiguous, cut := Links(tt.gift, tt.have, tt.who, tt.rules)
		if d := cmp.Diff(tt.missing, missing, same); d != "" {
			t.Errorf("%s:\n%s", tt.name, d)
		}
		if orphan != tt.orphan || ambiguous != tt.ambiguous || cut != tt.cut {
			t.Errorf("%s: orphan %q, ambiguous %v, cut %d; want %q, %v, %d", tt.name, orphan, ambiguous, cut, tt.orphan, tt.ambiguous, tt.cut)
		}
	}
}

func TestLinksProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := genStored("T-1").Draw(t, "have")
		g, who, r := genGift("T-1").Draw(t, "gift"), genDirectory().Draw(t, "who"), genRules().Draw(t, "rules")
		missing, orphan, ambiguous, cut := Links(g, have, who, r)

		deals := 0
		for i, l := range missing {
			if hasID(have.Links, l.Kind, l.ID) || hasID(missing[:i], l.Kind, l.ID) {
				t.Fatalf("%s %s is linked already", l.Kind, l.ID)
			}
			if i > 0 && compareLinks(missing[i-1], l) >= 0 {
				t.Fatalf("not sorted: %v", missing)
			}
			if l.Kind == Deal {
				deals++
			}
		}
		if all := deals + count(have.Links, Deal) - countRefused(have.Links, Deal); deals > 0 && all > r.MaxDeals {
			t.Fatalf("%d deals, at most %d allowed", all, r.MaxDeals)
		}
		if has(missing, Contact) && orphan != "" {
			t.Fatalf("gets a contact, and is an orphan: %s", orphan)
		}

		shuffled := Directory{}
		for a, m := range who {
			m.Deals = rapid.Permutation(m.Deals).Draw(t, "deals of "+a)
			shuffled[a] = m
		}
		if again, _, _, _ := Links(g, have, shuffled, r); !cmp.Equal(missing, again, same) {
			t.Fatalf("the order of deals matters:\n%s", cmp.Diff(missing, again, same))
		}

		after := Change{Action: Update, Gift: g, Have: have, Links: missing, Orphan: orphan, Ambiguous: ambiguous}.Stored("7000")
		again, sameOrphan, sameAmbiguous, _ := Links(g, after, who, r)
		if len(again) > 0 || sameOrphan != orphan || sameAmbiguous != ambiguous {
			t.Fatalf("not idempotent: %v, %q → %q, cut %d", again, orphan, sameOrphan, cut)
		}
	})
}

func count(links []Link, k Kind) (n int) {
	for _, l := range links {
		if l.Kind == k {
			n++
		}
	}
	return n
}

func countRefused(links []Link, k Kind) (n int) {
	for _, l := range links {
		if l.Kind == k && l.Refused {
			n++
		}
	}
	return n
}

func TestChoose(t *testing.T) {
	primary := func(id string, age int) Candidate {
		return Candidate{ID: id, Email: "Ann@example.com", Created: epoch.Add(time.Duration(-age) * time.Hour)}
	}
	secondary := func(id string, age int) Candidate {
		c := primary(id, age)
		c.Email, c.Additional = "else@example.com", []string{"x@example.com", " ANN@example.com"}
		return c
	}
	unknownAge := primary("1", 0)
	unknownAge.Created = time.Time{}
	withCompany := primary("9", 1)
	withCompany.Company = "77"
	for _, tt := range []struct {
		name  string
		found []Candidate
		want  Match
	}{
		{"none", nil, Match{}},
		{"none with the address", []Candidate{{ID: "1", Email: "bob@example.com", Additional: []string{"joann@example.com"}}}, Match{}},
		{"one", []Candidate{withCompany}, Match{ID: "9", Company: "77"}},
		{"one, found twice", []Candidate{withCompany, withCompany}, Match{ID: "9", Company: "77"}},
		{"secondary", []Candidate{secondary("3", 1)}, Match{ID: "3", Secondary: true}},
		{"primary before an older secondary", []Candidate{secondary("3", 9), primary("4", 1)}, Match{ID: "4", Ambiguous: true}},
		{"the oldest", []Candidate{primary("3", 1), primary("4", 2)}, Match{ID: "4", Ambiguous: true}},
		{"the lowest id, as a number", []Candidate{primary("10", 1), primary("9", 1)}, Match{ID: "9", Ambiguous: true}},
		{"known age before unknown", []Candidate{unknownAge, primary("4", 2)}, Match{ID: "4", Ambiguous: true}},
	} {
		if d := cmp.Diff(tt.want, Choose("ann@example.com", tt.found)); d != "" {
			t.Errorf("%s:\n%s", tt.name, d)
		}
	}
	if got := Choose("ann", []Candidate{{ID: "1", Email: "ann"}}); got.ID != "" {
		t.Error("what is no address has a contact")
	}
}

func TestChooseInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		found := rapid.SliceOfN(genCandidate(), 0, 6).Draw(t, "found")
		address := genAddress().Draw(t, "address")
		want := Choose(address, found)
		if d := cmp.Diff(want, Choose(address, rapid.Permutation(found).Draw(t, "shuffled")), same); d != "" {
			t.Fatalf("the order matters:\n%s", d)
		}
	})
}

func TestCompareIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		got := CompareIDs(fmt.Sprint(a), fmt.Sprint(b))
		if (got < 0) != (a < b) || (got == 0) != (a == b) {
			t.Fatalf("%d and %d compare as %d", a, b, got)
		}
	})
}
