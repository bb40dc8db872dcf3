package plan

import (
	"testing"

	"pgregory.net/rapid"
)

// TestChooseAddresses: a listing is chosen where it takes fewer calls than it spares,
// and holds everyone.
func TestChooseAddresses(t *testing.T) {
	for _, tt := range []struct {
		contacts, addresses, searches, room int
		want                                Way
	}{
		{2000, 560, 112, 10_000, ByListing},
		{20_000, 560, 112, 100_000, ByListing},
		{21_200, 560, 112, 100_000, BySearch},
		{1, 5, 1, 10, BySearch},
		{0, 10, 2, 10, ByListing},
		{2000, 560, 112, 1999, BySearch},
		{2000, 560, 112, 2000, ByListing},
	} {
		c := ChooseAddresses(AddressCounts{Contacts: tt.contacts, Addresses: tt.addresses, Searches: tt.searches, Room: tt.room})
		if c.Of != OfAddresses || c.By != tt.want || c.Reason == "" {
			t.Errorf("%+v: %+v", tt, c)
		}
	}
}

// TestChooseDeals: the data sets of the gates, and what follows them.
func TestChooseDeals(t *testing.T) {
	const room = 65_536
	for _, tt := range []struct {
		name   string
		counts DealCounts
		want   Choice
	}{
		{"typical", DealCounts{Contacts: 2000, Sample: 1000, Deals: 1000, Open: 2000, Room: room}, Choice{OfDeals, ByListing, "listing 2000 open deals takes 12 calls, reading the deals of about 2000 contacts 22 calls"}},
		{"worst", DealCounts{Contacts: 10_000, Sample: 1000, Deals: 1000, Open: 10_000, Room: room}, Choice{OfDeals, ByListing, "listing 10000 open deals takes 60 calls, reading the deals of about 10000 contacts 110 calls"}},
		{"more to come", DealCounts{Contacts: 2000, More: true, Likely: 18_000, Sample: 1000, Deals: 1000, Open: 20_000, Room: room}, Choice{OfDeals, ByListing, "listing 20000 open deals takes 120 calls, reading the deals of about 20000 contacts 220 calls"}},
		{"nothing known of them", DealCounts{Contacts: 2000, More: true, Sample: 1000, Deals: 1000, Open: 20_000, Room: room}, Choice{OfDeals, ByContact, "listing 20000 open deals takes 120 calls, reading the deals of about 4000 contacts 44 calls"}},
		{"after many", DealCounts{Contacts: 2000, More: true, Before: 10_000, Sample: 1000, Deals: 1000, Open: 20_000, Room: room}, Choice{OfDeals, ByListing, "listing 20000 open deals takes 120 calls, reading the deals of about 14000 contacts 154 calls"}},
		{"no deals", DealCounts{Contacts: 2000, Sample: 1000, Open: 2000, Room: room}, Choice{OfDeals, ByContact, "listing 2000 open deals takes 12 calls, reading the deals of about 2000 contacts 2 calls"}},
		{"no sample", DealCounts{Contacts: 2000, Open: 2000, Room: room}, Choice{OfDeals, ByListing, "listing 2000 open deals takes 12 calls, reading the deals of about 2000 contacts 22 calls"}},
		{"few have any", DealCounts{Contacts: 2000, Sample: 1000, Deals: 51, Open: 1, Room: room}, Choice{OfDeals, ByListing, "listing 1 open deals takes 2 calls, reading the deals of about 2000 contacts 4 calls"}},
		{"just as many", DealCounts{Contacts: 1_000_000, Sample: 1000, Deals: 5000, Open: 65_536, Room: room}, Choice{OfDeals, ByListing, "listing 65536 open deals takes 394 calls, reading the deals of about 1000000 contacts 51000 calls"}},
		{"too many", DealCounts{Contacts: 1_000_000, Sample: 1000, Deals: 5000, Open: 65_537, Room: room}, Choice{OfDeals, ByContact, "65537 deals are open, more than a listing may hold"}},
	} {
		if got := ChooseDeals(tt.counts); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// TestFewestDealCalls: what is chosen takes no more calls than the other way, which
// are those of the formula, and nothing is counted for what is done at once.
func TestFewestDealCalls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := func(name string, most int) int { return rapid.IntRange(0, most).Draw(t, name) }
		c := DealCounts{Contacts: n("contacts", 20_000), Sample: 1 + n("sample", 1000), Deals: n("deals", 3000), Open: n("open", 70_000), Room: 65_536}
		up := func(n, at int) int { return (n + at - 1) / at }
		listing := up(c.Open, 200) + up(c.Open, 1000)
		by := up(c.Contacts, 1000) + up(up(c.Contacts*c.Deals, c.Sample), 100)
		want := ByContact
		if listing < by && c.Open <= c.Room {
			want = ByListing
		}
		if got := ChooseDeals(c); got.By != want {
			t.Fatalf("%+v: %+v, want %s", c, got, want)
		}
		if c.Few() != (by <= 2) {
			t.Fatalf("%+v: few is %v with %d calls", c, c.Few(), by)
		}
	})
}
