package portal

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// linksADeal is how many contacts the deals of a table may have on average.
const linksADeal = 4

// A dealTable says which open deals contacts have. It takes about 150 bytes a deal,
// and 24 for each contact of one.
type dealTable struct {
	most    int // deals
	deals   map[uint64]tableDeal
	links   []dealLink
	sorted  bool
	stages  map[string]string // each stage once
	version uint32            // of the deal put last
	full    bool              // a deal or a contact was left out
}

// A tableDeal is a deal of a table.
type tableDeal struct {
	stage, amount string
	created       int64  // in milliseconds since 1970
	version       uint32 // of its links; older ones no longer count
}

// A dealLink is a contact of a deal.
type dealLink struct {
	contact, deal uint64
	version       uint32
}

func (l dealLink) compare(o dealLink) int {
	return cmp.Or(cmp.Compare(l.contact, o.contact), cmp.Compare(l.deal, o.deal), cmp.Compare(l.version, o.version))
}

// newDealTable returns an empty table of at most so many deals.
func newDealTable(most int) *dealTable {
	return &dealTable{most: most, deals: make(map[uint64]tableDeal), stages: make(map[string]string)}
}

// put puts a deal in, without contacts, in place of the one of its id.
func (t *dealTable) put(d plan.OpenDeal) {
	id, err := strconv.ParseUint(d.ID, 10, 64)
	if _, known := t.deals[id]; err != nil || !known && len(t.deals) >= t.most {
		t.full = true
		return
	}
	stage, ok := t.stages[d.Stage]
	if !ok {
		stage = strings.Clone(d.Stage)
		t.stages[stage] = stage
	}
	t.version++
	t.deals[id] = tableDeal{stage, strings.Clone(d.Amount), d.Created.UnixMilli(), t.version}
}

// remove takes a deal out.
func (t *dealTable) remove(id string) {
	if n, err := strconv.ParseUint(id, 10, 64); err == nil {
		delete(t.deals, n)
	}
}

// link gives a deal of the table a contact.
func (t *dealTable) link(deal, contact string) {
	d, errDeal := strconv.ParseUint(deal, 10, 64)
	c, errContact := strconv.ParseUint(contact, 10, 64)
	if errDeal != nil || errContact != nil || len(t.links) >= linksADeal*t.most {
		t.full = true
		return
	}
	t.links, t.sorted = append(t.links, dealLink{c, d, t.deals[d].version}), false
}

// ids returns the ids of all deals, lowest first.
func (t *dealTable) ids() []string {
	ids := make([]string, 0, len(t.deals))
	for _, id := range slices.Sorted(maps.Keys(t.deals)) {
		ids = append(ids, strconv.FormatUint(id, 10))
	}
	return ids
}

// sort sorts the links, and drops those that no longer count.
func (t *dealTable) sort() {
	if t.sorted {
		return
	}
	t.links = slices.DeleteFunc(t.links, func(l dealLink) bool { return !t.counts(l) })
	slices.SortFunc(t.links, dealLink.compare)
	t.links, t.sorted = slices.Compact(t.links), true
}

func (t *dealTable) counts(l dealLink) bool {
	d, ok := t.deals[l.deal]
	return ok && d.version == l.version
}

// of returns the open deals of a contact, by id.
func (t *dealTable) of(contact string) []plan.OpenDeal {
	c, err := strconv.ParseUint(contact, 10, 64)
	if err != nil {
		return nil
	}
	t.sort()
	i, _ := slices.BinarySearchFunc(t.links, dealLink{contact: c}, dealLink.compare)
	var deals []plan.OpenDeal
	for ; i < len(t.links) && t.links[i].contact == c; i++ {
		if l := t.links[i]; t.counts(l) {
			d := t.deals[l.deal]
			deals = append(deals, plan.OpenDeal{
				ID: strconv.FormatUint(l.deal, 10), Stage: d.stage, Amount: d.amount, Created: time.UnixMilli(d.created).UTC(),
			})
		}
	}
	return deals
}
