package stats

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/sync/plan"
)

// holder is a journal that changes when changed is called.
func holder(have map[string]plan.Stored) Holder {
	return Holder{
		All: func() iter.Seq2[plan.Stored, error] {
			return records(slices.SortedFunc(maps.Values(have), func(a, b plan.Stored) int { return plan.CompareIDs(a.Gift.ID, b.Gift.ID) }))
		},
		Look: lookIn(have),
	}
}

// shown is the record of a gift as it was written.
func shown1(s plan.Stored) Record {
	return Record{ObjectID: s.ObjectID, TransactionID: s.Gift.ID, Status: string(s.Gift.Shown()), Amount: s.Gift.Amount}
}

func reconciled(t rapid.TB, have map[string]plan.Stored, pages [][]Record, meanwhile func(page int)) Reconciliation {
	r, err := NewReconciler(holder(have), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, page := range pages {
		meanwhile(i)
		if err := r.Add(page); err != nil {
			t.Fatal(err)
		}
	}
	meanwhile(len(pages))
	result, err := r.Report(day(3, 13), len(pages))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestReconcileNamesEachLie plants lies of every kind into what HubSpot shows.
func TestReconcileNamesEachLie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have := map[string]plan.Stored{}
		var list []Record
		var want []Finding
		foreign, deleted, live := 0, 0, 0
		for n := range rapid.IntRange(0, 30).Draw(t, "gifts") {
			s := genCourse().Draw(t, "gift")
			s.Gift.ID, s.ObjectID = fmt.Sprintf("T-%d", n), fmt.Sprint(500+n)
			if !s.Deleted.IsZero() {
				have[s.Gift.ID] = s
				deleted++
				continue
			}
			rec := shown1(s)
			f := Finding{TransactionID: s.Gift.ID, ObjectID: s.ObjectID}
			switch lie := rapid.IntRange(0, 9).Draw(t, "lie"); lie {
			case 0:
				f.Kind, f.Journal = FoundMissing, rec.Status
				have[s.Gift.ID] = s
				live++
				want = append(want, f)
				continue
			case 1:
				f.Kind, f.HubSpot = FoundExtra, rec.Status
			case 2:
				f.Kind, f.Field, f.Journal, f.HubSpot = FoundDifferent, "status", rec.Status, "delivered "
				rec.Status = f.HubSpot
			case 3:
				f.Kind, f.Field, f.Journal = FoundDifferent, "value", moneyText(rec.Amount)
				rec.Amount = plan.Money{Value: rec.Amount.Value.Add(decimal.New(1, -6)), Currency: "EUR"}
				f.HubSpot = moneyText(rec.Amount)
			}
			if f.Kind != "" {
				want = append(want, f)
			}
			if f.Kind != FoundExtra {
				have[s.Gift.ID] = s
				live++
			}
			list = append(list, rec)
			if rapid.IntRange(0, 9).Draw(t, "foreign") == 0 {
				list = append(list, Record{ObjectID: "9" + s.ObjectID})
				foreign++
			}
		}
		got := reconciled(t, have, slices.Collect(slices.Chunk(list, 7)), func(int) {})
		order := func(a, b Finding) int { return plan.CompareIDs(a.TransactionID, b.TransactionID) }
		slices.SortFunc(got.Findings, order)
		slices.SortFunc(want, order)
		if want == nil {
			want = []Finding{}
		}
		if d := cmp.Diff(want, got.Findings); d != "" {
			t.Fatalf("findings (-want +got):\n%s", d)
		}
		if got.Missing+got.Extra+got.Different != len(want) || got.Agrees() != (len(want) == 0) || got.Foreign != foreign {
			t.Fatalf("%+v, want %d findings and %d foreign", got, len(want), foreign)
		}
		if got.Gifts != (Sides{len(list) - foreign, live}) {
			t.Fatalf("gifts %+v, want %d and %d", got.Gifts, len(list)-foreign, live)
		}
		status, all := Sides{}, map[string][2]decimal.Decimal{}
		for _, s := range got.ByStatus {
			status.HubSpot += s.HubSpot
			status.Journal += s.Journal
		}
		if status != got.Gifts {
			t.Fatalf("by status %+v, altogether %+v", status, got.Gifts)
		}
		for _, rec := range list {
			if rec.TransactionID != "" {
				v := all[currencyOf(rec.Amount)]
				v[0] = v[0].Add(rec.Amount.Value)
				all[currencyOf(rec.Amount)] = v
			}
		}
		for _, s := range have {
			if s.Deleted.IsZero() {
				v := all[currencyOf(s.Gift.Amount)]
				v[1] = v[1].Add(s.Gift.Amount.Value)
				all[currencyOf(s.Gift.Amount)] = v
			}
		}
		for _, v := range got.Value {
			if w := all[v.Currency]; !parsed(t, v.HubSpot).Equal(w[0]) || !parsed(t, v.Journal).Equal(w[1]) {
				t.Fatalf("value %+v, want %v", v, w)
			}
		}
	})
}

func currencyOf(m plan.Money) string {
	if m.Currency == "" {
		return NoCurrency
	}
	return m.Currency
}

// TestReconcileWhileItIsWritten: what is written and deleted while HubSpot is listed
// is no difference.
func TestReconcileWhileItIsWritten(t *testing.T) {
	gift := func(id string, status plan.Status) plan.Stored {
		return plan.Stored{ObjectID: "5" + id, Gift: plan.Gift{ID: id, Status: status}}
	}
	have := map[string]plan.Stored{"1": gift("1", plan.Sent), "2": gift("2", plan.Sent), "3": gift("3", plan.Sent), "4": gift("4", plan.Sent)}
	pages := [][]Record{
		{shown1(gift("1", plan.Opened)), shown1(gift("2", plan.Sent))},
		{shown1(gift("3", plan.Sent)), shown1(gift("6", plan.Sent))},
	}
	got := reconciled(t, have, pages, func(page int) {
		switch page {
		case 1:
			have["1"] = gift("1", plan.Opened) // its record was updated before it was listed, and noted after
			have["3"] = gift("3", plan.Redeemed)
			have["5"] = gift("5", plan.Sent) // created behind the listing's back
		case 2:
			have["6"] = gift("6", plan.Sent) // its record was listed before it was noted
			gone := gift("4", plan.Sent)
			gone.Deleted = day(3, 1)
			have["4"] = gone
		}
	})
	// What changed for good in the meantime and was listed as it was before does
	// differ: HubSpot has the older status still.
	want := []Finding{{Kind: FoundDifferent, TransactionID: "3", ObjectID: "53", Field: "status", HubSpot: "sent", Journal: "redeemed"}}
	if d := cmp.Diff(want, got.Findings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestFindingsAreBounded: all are counted, and not all are named.
func TestFindingsAreBounded(t *testing.T) {
	have := map[string]plan.Stored{}
	var page []Record
	for n := range mostFindings + 5 {
		id := fmt.Sprint(n)
		have["m"+id] = plan.Stored{ObjectID: id, Gift: plan.Gift{ID: "m" + id, Status: plan.Sent}}
		page = append(page, Record{ObjectID: id, TransactionID: "x" + id, Status: "sent"})
	}
	got := reconciled(t, have, [][]Record{page}, func(int) {})
	if got.Missing != mostFindings+5 || got.Extra != mostFindings+5 || len(got.Findings) != 2*mostFindings {
		t.Errorf("%d missing, %d extra, %d named", got.Missing, got.Extra, len(got.Findings))
	}
}

// TestReconcileWithoutValues: where records get no amount or no currency, what they show of
// either says nothing, and their status still counts.
func TestReconcileWithoutValues(t *testing.T) {
	have := map[string]plan.Stored{
		"T-1": {ObjectID: "501", Gift: plan.Gift{ID: "T-1", Status: plan.Sent, Amount: plan.Money{Value: decimal.New(5, 0), Currency: "USD"}}},
		"T-2": {ObjectID: "502", Gift: plan.Gift{ID: "T-2", Status: plan.Sent, Amount: plan.Money{Value: decimal.New(7, 0), Currency: "EUR"}}},
	}
	for _, tt := range []struct {
		leftOut   []string
		different int
	}{
		{[]string{"gift_amount"}, 1},
		{[]string{"gift_currency"}, 1},
		{[]string{"message"}, 2},
		{nil, 2},
	} {
		r, err := NewReconciler(holder(have), tt.leftOut)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add([]Record{
			{ObjectID: "501", TransactionID: "T-1", Status: "sent", Amount: plan.Money{Currency: "USD"}},
			{ObjectID: "502", TransactionID: "T-2", Status: "opened", Amount: plan.Money{Currency: "EUR"}},
		}); err != nil {
			t.Fatal(err)
		}
		got, err := r.Report(day(3, 13), 1)
		if err != nil {
			t.Fatal(err)
		}
		if got.Different != tt.different || (len(got.Value) == 0) != (tt.different == 1) {
			t.Errorf("without %q: %d different, values %v", tt.leftOut, got.Different, got.Value)
		}
	}
}
