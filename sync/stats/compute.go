package stats

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// The lengths of the lists.
const (
	topN     = 10
	activity = 20
)

// The kinds of [Activity].
const (
	sending    = "sent"
	redemption = "redeemed"
)

// nameless is the name under which gifts without type and name are counted.
const nameless = "(none)"

// Compute returns the statistics of the records, whose order does not matter.
// Memory grows with the number of different senders, gift types, companies,
// deals and deal stages, not with the number of gifts. An error of records is
// returned unchanged; another one says what is wrong with the filter.
func Compute(records iter.Seq2[plan.Stored, error], o Options) (Report, error) {
	if o.Location == nil {
		o.Location = time.UTC
	}
	keep, err := newSieve(o.Filter, o.Location)
	if err != nil {
		return Report{}, err
	}
	c, in, t := newCounter(o), newInsights(o), newTrend(o)
	for r, err := range records {
		if err != nil {
			return Report{}, err
		}
		if !r.Deleted.IsZero() {
			continue
		}
		f := read(r.Gift)
		if !keep.kind(r.Gift, f) {
			continue
		}
		t.add(r.Gift.Amount, f)
		if keep.time(f.period) {
			c.add(r, f)
			in.add(r, f)
		}
	}
	rep := c.report(o)
	in.report(&rep, c)
	rep.Trend = t.report()
	return rep, nil
}

// A counter holds what is kept of the records so far.
type counter struct {
	options         Options
	sent, donated   int
	all             tally // of redemption
	value, refunded sums
	types           map[string]tally
	recent          []Activity // newest first
	statuses        map[plan.Status]int
	months          map[string]int
	senders         map[string]sender
	stages          map[string]int
	sizes           []sums
	sizeCounts      []int
	orphans         map[plan.Orphan]int
}

// A tally counts gifts of a type.
type tally struct {
	sent, eligible, redeemed int
}

// A sender is counted under a key; name and address are those of its newest
// gift.
type sender struct {
	Sender
	newest time.Time
}

func newCounter(o Options) *counter {
	c := &counter{
		options:    o,
		value:      make(sums),
		refunded:   make(sums),
		types:      make(map[string]tally),
		recent:     []Activity{},
		statuses:   make(map[plan.Status]int),
		months:     make(map[string]int),
		senders:    make(map[string]sender),
		stages:     make(map[string]int),
		sizes:      make([]sums, len(sizes)),
		sizeCounts: make([]int, len(sizes)),
		orphans:    map[plan.Orphan]int{plan.NoEmail: 0, plan.BadEmail: 0, plan.NoContact: 0, plan.ContactGone: 0},
	}
	for _, s := range plan.Statuses() {
		c.statuses[s] = 0
	}
	for i := range c.sizes {
		c.sizes[i] = make(sums)
	}
	return c
}

// add counts one record.
func (c *counter) add(r plan.Stored, f facts) {
	c.statuses[f.status]++
	if r.Orphan != "" {
		c.orphans[r.Orphan]++
	}
	if !f.sent {
		return
	}

	c.sent++
	t := c.types[f.kind]
	t.sent++
	if f.eligible {
		c.all.eligible++
		t.eligible++
	}
	if f.redeemed {
		c.all.redeemed++
		t.redeemed++
	}
	c.types[f.kind] = t
	if f.status == plan.Donated {
		c.donated++
	}

	m := r.Gift.Amount
	c.value.add(m.Currency, m.Value)
	if f.status == plan.Refunded {
		c.refunded.add(m.Currency, m.Value)
	}
	if !f.sentAt.IsZero() {
		c.months[f.sentAt.In(c.options.Location).Format("2006-01")]++
	}
	c.addSender(r.Gift.Sender, f.sentAt)
	c.addDeal(r)
	c.addActivity(r, f)
}

func (c *counter) addSender(p plan.Person, at time.Time) {
	key, ok := plan.CanonicalEmail(p.Email)
	if !ok {
		key = p.Email + "\x00" + p.Name
	}
	if key == "\x00" {
		return // the gift names no sender
	}
	s, seen := c.senders[key]
	if shown := (Sender{Name: p.Name, Email: p.Email}); !seen || newer(at, shown, s) {
		s.Name, s.Email, s.newest = shown.Name, shown.Email, at
	}
	s.Count++
	c.senders[key] = s
}

// newer reports whether the sender of a gift sent at the given time replaces
// the one shown before. If the times are equal, the texts decide.
func newer(at time.Time, shown Sender, before sender) bool {
	return cmp.Or(at.Compare(before.newest), cmp.Compare(shown.Name, before.Name), cmp.Compare(shown.Email, before.Email)) > 0
}

// addDeal counts the gift under the stage and the size of its first deal.
func (c *counter) addDeal(r plan.Stored) {
	deal, linked := firstLink(r.Links, plan.Deal)
	if linked {
		c.stages[deal.Stage]++
	}
	i := sizeOf(deal.Amount)
	c.sizeCounts[i]++
	c.sizes[i].add(r.Gift.Amount.Currency, r.Gift.Amount.Value)
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

// addActivity records the gift's sending and redemption if they are among the
// newest so far.
func (c *counter) addActivity(r plan.Stored, f facts) {
	g, address := r.Gift, ""
	if c.options.Records != "" && r.ObjectID != "" {
		address = c.options.Records + r.ObjectID
	}
	for _, e := range []struct {
		kind string
		at   time.Time
	}{{sending, f.sentAt}, {redemption, f.redeemedAt}} {
		if e.at.IsZero() {
			continue
		}
		a := Activity{
			Time: e.at.UTC(), Kind: e.kind, TransactionID: g.ID, Gift: giftName(g), Recipient: personName(g.Recipient), Status: f.status, URL: address,
		}
		i, _ := slices.BinarySearchFunc(c.recent, a, compareActivities)
		c.recent = slices.Insert(c.recent, i, a)
		c.recent = c.recent[:min(len(c.recent), activity)]
	}
}

// report returns the document.
func (c *counter) report(o Options) Report {
	rep := Report{
		Portal:           o.Portal,
		MadeAt:           o.Now.UTC().Truncate(time.Second),
		Version:          o.Version,
		TimeZone:         o.Location.String(),
		Period:           Period{From: o.Filter.From, To: o.Filter.To},
		Filter:           o.Filter,
		TotalSent:        c.sent,
		TotalValue:       c.value.totals(),
		AverageValue:     c.value.averages(),
		RefundedValue:    c.refunded.totals(),
		TopTypes:         topTypes(c.types),
		RedemptionRate:   rate(c.all),
		Redeemed:         c.all.redeemed,
		Eligible:         c.all.eligible,
		Donated:          c.donated,
		RecentActivity:   c.recent,
		ByStatus:         c.statuses,
		ByMonth:          c.months,
		TopSenders:       topSenders(slices.Collect(maps.Values(c.senders))),
		RedemptionByType: typeRates(c.types),
		ByDealStage:      stages(c.stages, o.Stages),
		Orphans:          c.orphans,
	}
	for i, s := range sizes {
		rep.ValueByDealSize = append(rep.ValueByDealSize, Size{
			Size: s.name, Count: c.sizeCounts[i], TotalValue: c.sizes[i].totals(), AverageValue: c.sizes[i].averages(),
		})
	}
	if !o.LastSync.IsZero() {
		at := o.LastSync.UTC()
		rep.LastSync = &at
	}
	return rep
}
