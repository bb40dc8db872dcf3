package stats

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"time"

	"thnks-hubspot-sync/sync/plan"
)

// mostFindings is how many findings of each kind a [Reconciliation] names. All are
// counted.
const mostFindings = 1000

// The kinds of a [Finding].
const (
	FoundMissing   = "missing"   // HubSpot lists no record of a gift of the journal
	FoundExtra     = "extra"     // HubSpot lists a record of which the journal has no gift
	FoundDifferent = "different" // HubSpot shows something else than was written
)

// A Reconciliation says whether HubSpot shows what the journal says that it
// holds.
type Reconciliation struct {
	At        time.Time     `json:"at"`      // when HubSpot was listed
	Calls     int           `json:"calls"`   // that listed it, 100 records each
	Gifts     Sides         `json:"gifts"`   // records of ours
	Foreign   int           `json:"foreign"` // records that people made: they have no transaction id
	ByStatus  []StatusSides `json:"by_status"`
	Value     []ValueSides  `json:"value"` // of all gifts, sent or not; empty where it is not compared
	Missing   int           `json:"missing"`
	Extra     int           `json:"extra"`
	Different int           `json:"different"` // gifts
	Findings  []Finding     `json:"findings"`  // the first 1000 of each kind
}

// Agrees reports whether both sides are the same.
func (r Reconciliation) Agrees() bool { return r.Missing+r.Extra+r.Different == 0 }

// Sides are a number in HubSpot and by the journal.
type Sides struct {
	HubSpot int `json:"hubspot"`
	Journal int `json:"journal"`
}

// StatusSides are the gifts in a status.
type StatusSides struct {
	Status  plan.Status `json:"status"`
	HubSpot int         `json:"hubspot"`
	Journal int         `json:"journal"`
}

// ValueSides are the amounts in a currency, as exact decimal text.
type ValueSides struct {
	Currency string `json:"currency"`
	HubSpot  string `json:"hubspot"`
	Journal  string `json:"journal"`
}

// A Finding is a record that is missing, extra or different.
type Finding struct {
	Kind          string `json:"kind"`
	TransactionID string `json:"transaction_id"`
	ObjectID      string `json:"object_id"` // of the record; "" where none is known
	Field         string `json:"field"`     // status or value, for different ones
	HubSpot       string `json:"hubspot"`   // what HubSpot shows
	Journal       string `json:"journal"`   // what was written
}

// A Record is what HubSpot shows of a gift. Status is the property's value, and
// may be any text.
type Record struct {
	ObjectID      string
	TransactionID string // "" for one that is not ours
	Status        string
	Amount        plan.Money
}

// A Holder is the journal that is reconciled.
type Holder struct {
	All  func() iter.Seq2[plan.Stored, error]               // every gift, brief ones will do
	Look func(ids []string) (map[string]plan.Stored, error) // gifts by transaction id, whole
}

// A Reconciler compares records with a journal while they are listed. What changes
// in the journal meanwhile is no difference.
type Reconciler struct {
	journal Holder
	seed    maphash.Seed
	unseen  map[uint64]struct{} // hashes of transaction ids that the journal had at the beginning
	status  map[plan.Status]*Sides
	value   [2]sums // HubSpot's and the journal's
	open    []opened

	unvalued bool // the records' amounts say nothing
	result   Reconciliation
}

// opened is a difference that is looked at again at the end.
type opened struct {
	record Record
	had    plan.Stored // zero where the journal had none
}

// NewReconciler begins a comparison. Of each gift it keeps some bytes. Without amount
// or currency among their properties, see [plan.Rules.LeaveOut], the records' values
// are not compared.
func NewReconciler(journal Holder, leftOut []string) (*Reconciler, error) {
	r := &Reconciler{
		journal: journal, seed: maphash.MakeSeed(), unseen: make(map[uint64]struct{}), status: make(map[plan.Status]*Sides),
		unvalued: slices.Contains(leftOut, "gift_amount") || slices.Contains(leftOut, "gift_currency"),
		result:   Reconciliation{Findings: []Finding{}},
	}
	for s, err := range journal.All() {
		if err != nil {
			return nil, err
		}
		if s.Deleted.IsZero() {
			r.unseen[r.hash(s.Gift.ID)] = struct{}{}
		}
	}
	return r, nil
}

func (r *Reconciler) hash(id string) uint64 { return maphash.String(r.seed, id) }

// Add compares the records of a page with what the journal has now.
func (r *Reconciler) Add(page []Record) error {
	var ids []string
	for _, rec := range page {
		if rec.TransactionID != "" {
			ids = append(ids, rec.TransactionID)
		}
	}
	have, err := r.journal.Look(ids)
	if err != nil {
		return err
	}
	for _, rec := range page {
		if rec.TransactionID == "" {
			r.result.Foreign++
			continue
		}
		r.result.Gifts.HubSpot++
		r.of(plan.ParseStatus(rec.Status)).HubSpot++
		r.value[0].add(worthOf(rec.Amount), 1)
		delete(r.unseen, r.hash(rec.TransactionID))
		if s, ok := have[rec.TransactionID]; !ok || !s.Deleted.IsZero() || r.differs(rec, s.Gift) != "" {
			if !ok {
				s = plan.Stored{}
			}
			r.open = append(r.open, opened{rec, s})
		}
	}
	return nil
}

func (r *Reconciler) of(s plan.Status) *Sides {
	if r.status[s] == nil {
		r.status[s] = new(Sides)
	}
	return r.status[s]
}

// differs returns what a record shows otherwise than its gift was written, "" for
// nothing.
func (r *Reconciler) differs(rec Record, g plan.Gift) string {
	switch {
	case rec.Status != string(g.Shown()):
		return "status"
	case !r.unvalued && !sameMoney(rec.Amount, g.Amount):
		return "value"
	}
	return ""
}

// Report ends the comparison. at is when the listing ended, after that many calls.
func (r *Reconciler) Report(at time.Time, calls int) (Reconciliation, error) {
	r.result.At, r.result.Calls = at.UTC().Truncate(time.Second), calls
	missing, err := r.countJournal()
	if err != nil {
		return r.result, err
	}
	if err := r.nameMissing(missing); err != nil {
		return r.result, err
	}
	if err := r.judge(); err != nil {
		return r.result, err
	}
	for _, s := range plan.Statuses() {
		n := r.of(s)
		r.result.ByStatus = append(r.result.ByStatus, StatusSides{s, n.HubSpot, n.Journal})
	}
	r.result.Value = []ValueSides{}
	if r.unvalued {
		return r.result, nil
	}
	var all sums
	all.join(r.value[0])
	all.join(r.value[1])
	for _, v := range all {
		places := decimalsOf(v.Currency)
		r.result.Value = append(r.result.Value, ValueSides{v.Currency, exact(r.value[0].of(v.Currency), places), exact(r.value[1].of(v.Currency), places)})
	}
	slices.SortFunc(r.result.Value, func(a, b ValueSides) int { return cmp.Compare(a.Currency, b.Currency) })
	return r.result, nil
}

// countJournal counts what the journal holds now, and returns the first gifts that
// it had from the beginning on and that were not listed.
func (r *Reconciler) countJournal() (missing []string, err error) {
	for s, err := range r.journal.All() {
		if err != nil {
			return nil, err
		}
		if !s.Deleted.IsZero() {
			continue
		}
		r.result.Gifts.Journal++
		r.of(s.Gift.Shown()).Journal++
		r.value[1].add(worthOf(s.Gift.Amount), 1)
		if _, unseen := r.unseen[r.hash(s.Gift.ID)]; unseen {
			if r.result.Missing++; len(missing) < mostFindings {
				missing = append(missing, s.Gift.ID)
			}
		}
	}
	return missing, nil
}

func (r *Reconciler) nameMissing(ids []string) error {
	have, err := r.journal.Look(ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		s := have[id]
		r.result.Findings = append(r.result.Findings, Finding{
			Kind: FoundMissing, TransactionID: id, ObjectID: s.ObjectID, Journal: string(cmp.Or(s.Gift.Shown(), plan.Unknown)),
		})
	}
	return nil
}

// judge looks at the differences again. One of which the journal says something
// else by now was written meanwhile, and is none.
func (r *Reconciler) judge() error {
	counts := map[string]*int{FoundExtra: &r.result.Extra, FoundDifferent: &r.result.Different}
	for part := range slices.Chunk(r.open, mostFindings) {
		var ids []string
		for _, o := range part {
			ids = append(ids, o.record.TransactionID)
		}
		now, err := r.journal.Look(ids)
		if err != nil {
			return err
		}
		for _, o := range part {
			f, ok := r.judged(o, now[o.record.TransactionID])
			if !ok {
				continue
			}
			n := counts[f.Kind]
			if *n++; *n <= mostFindings {
				r.result.Findings = append(r.result.Findings, f)
			}
		}
	}
	return nil
}

// judged says what is wrong with a record, ok is false for nothing.
func (r *Reconciler) judged(o opened, now plan.Stored) (f Finding, ok bool) {
	f = Finding{Kind: FoundExtra, TransactionID: o.record.TransactionID, ObjectID: o.record.ObjectID, HubSpot: o.record.Status}
	gone := func(s plan.Stored) bool { return s.Gift.ID == "" || !s.Deleted.IsZero() }
	if gone(o.had) || gone(now) {
		return f, gone(o.had) && gone(now)
	}
	f.Kind, f.Field = FoundDifferent, r.differs(o.record, now.Gift)
	switch was := r.differs(o.record, o.had.Gift); {
	case f.Field == "" || was != f.Field || o.had.Gift.Shown() != now.Gift.Shown() || !sameMoney(o.had.Gift.Amount, now.Gift.Amount):
		return f, false
	case f.Field == "status":
		f.Journal = string(now.Gift.Shown())
	default:
		f.HubSpot, f.Journal = moneyText(o.record.Amount), moneyText(now.Gift.Amount)
	}
	return f, true
}

func sameMoney(a, b plan.Money) bool { return a.Currency == b.Currency && a.Value.Equal(b.Value) }

// moneyText returns an amount with its currency, "" for none.
func moneyText(m plan.Money) string {
	if m.Currency == "" && m.Value.IsZero() {
		return ""
	}
	return exact(m.Value, decimalsOf(m.Currency)) + " " + cmp.Or(m.Currency, NoCurrency)
}
