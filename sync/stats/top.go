package stats

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

func topTypes(types map[string]tried) []Count {
	top := make([]Count, 0, len(types))
	for name, t := range types {
		top = append(top, Count{name, t.Sent})
	}
	slices.SortFunc(top, func(a, b Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	return top[:min(len(top), topN)]
}

// topSenders tells people apart by address, or by name where they have none, and
// names each as most of the gifts do.
func topSenders(counts map[spelling]int) []Sender {
	type known struct {
		Sender
		most int // gifts that name the sender so
	}
	all := make(map[string]known)
	for s, n := range counts {
		key, ok := plan.CanonicalEmail(s.Email)
		if !ok {
			key = s.Email + "\x00" + s.Name
		}
		k := all[key]
		if cmp.Or(cmp.Compare(n, k.most), cmp.Compare(s.Name, k.Name), cmp.Compare(s.Email, k.Email)) > 0 {
			k.Name, k.Email, k.most = s.Name, s.Email, n
		}
		k.Count += n
		all[key] = k
	}
	top := make([]Sender, 0, len(all))
	for _, k := range all {
		top = append(top, k.Sender)
	}
	slices.SortFunc(top, func(a, b Sender) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Email, b.Email))
	})
	return top[:min(len(top), topN)]
}

func typeRates(types map[string]tried) []TypeRate {
	rates := make([]TypeRate, 0, len(types))
	for name, t := range types {
		rates = append(rates, TypeRate{Name: name, Redeemed: t.Redeemed, Eligible: t.Eligible, Rate: t.rate()})
	}
	slices.SortFunc(rates, func(a, b TypeRate) int {
		return cmp.Or(cmp.Compare(b.Eligible, a.Eligible), cmp.Compare(a.Name, b.Name))
	})
	return rates
}

func stages(counts map[string]int, labels map[string]string) []Stage {
	list := make([]Stage, 0, len(counts))
	for id, n := range counts {
		list = append(list, Stage{ID: id, Name: cmp.Or(labels[id], id, nameless), Count: n})
	}
	slices.SortFunc(list, func(a, b Stage) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func topCompanies(companies map[string]*company, names map[string]string) []Company {
	ids := slices.SortedFunc(maps.Keys(companies), func(a, b string) int {
		return cmp.Or(cmp.Compare(companies[b].Gifts.Sent, companies[a].Gifts.Sent), cmp.Compare(a, b))
	})
	top := []Company{}
	for _, id := range ids[:min(len(ids), topN)] {
		n, value := companies[id].Gifts, companies[id].Value
		top = append(top, Company{id, names[id], n.Sent, n.Redeemed, n.Eligible, n.rate(), value.totals()})
	}
	return top
}

// firstLink returns the link of a kind that was made first. Of several made at
// one time it is the first in the order of links, which is that of ids.
func firstLink(links []plan.Link, kind plan.Kind) (first plan.Link, linked bool) {
	for _, l := range links {
		if l.Kind == kind && !l.Refused && (!linked || l.At.Before(first.At)) {
			first, linked = l, true
		}
	}
	return first, linked
}

// sizes are the classes of deal amounts: each is below its limit, and the first
// is for deals without an amount.
var sizes = []struct {
	name  string
	below decimal.Decimal
}{
	{name: "none"},
	{"< 1k", decimal.NewFromInt(1_000)},
	{"< 10k", decimal.NewFromInt(10_000)},
	{"< 100k", decimal.NewFromInt(100_000)},
	{name: "more"},
}

// sizeOf returns the index in sizes of a deal amount in HubSpot's notation.
func sizeOf(amount string) int {
	if amount == "" {
		return 0
	}
	d, err := decimal.NewFromString(amount)
	if err != nil {
		return 0
	}
	last := len(sizes) - 1
	for i, s := range sizes[1:last] {
		if d.LessThan(s.below) {
			return i + 1
		}
	}
	return last
}
