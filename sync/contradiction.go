package sync

import (
	"cmp"
	"context"
	"hash/maphash"
	"strings"
	"time"

	"thnks-hubspot-sync/sync/plan"
	"thnks-hubspot-sync/thnksapi"
)

// classContradiction is the class of rows that have one id and say different
// things at once.
const classContradiction = "contradiction"

// contradicts says what two rows of one reading with one id differ in, although
// neither is newer than the other; "" if they may be the same transaction. What
// one of them leaves empty is no difference.
func contradicts(a, b plan.Gift) string {
	if !a.Derived && !b.Derived && !a.UpdatedAt.Equal(b.UpdatedAt) {
		return ""
	}
	switch {
	case differ(addressOf(a.Recipient), addressOf(b.Recipient)):
		return "recipient"
	case differ(addressOf(a.Sender), addressOf(b.Sender)):
		return "sender"
	case differ(a.Name, b.Name), differ(a.Type, b.Type),
		differ(a.Amount.Currency, b.Amount.Currency),
		!a.Amount.Value.IsZero() && !b.Amount.Value.IsZero() && !a.Amount.Value.Equal(b.Amount.Value):
		return "gift"
	default:
		return ""
	}
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

// addressOf is what a person is known by.
func addressOf(p plan.Person) string {
	if a, ok := plan.CanonicalEmail(p.Email); ok {
		return a
	}
	return cmp.Or(strings.TrimSpace(p.Email), strings.Join(strings.Fields(p.Name), " "))
}

// contradiction is why a row is set aside whose id another row has, too.
func contradiction(what string, file bool) *rowError {
	remedy := "thnks.dialect.fields.id names something that several transactions share: name what is unique"
	if file {
		remedy = "thnks.csv.thnks_transaction_id names a column that several transactions share: name the one that is unique"
	}
	return &rowError{classContradiction, "another row with this transaction id, no older and no newer, has another " + what + ": " + remedy}
}

// contradictions returns, of some rows read together, the ids whose rows
// contradict each other, and in what.
func contradictions(rows []plan.Gift) map[string]string {
	var found map[string]string
	first := make(map[string]int, len(rows))
	for i, g := range rows {
		j, ok := first[g.ID]
		if !ok {
			first[g.ID] = i
			continue
		}
		if what := contradicts(rows[j], g); what != "" {
			if found == nil {
				found = make(map[string]string)
			}
			found[g.ID] = what
		}
	}
	return found
}

// contradictionsInFile reads a whole export file and returns the ids whose rows
// contradict each other, wherever they stand in it. Of ids that occur once it
// keeps 16 bytes each; what occurs again is compared in a second reading.
func contradictionsInFile(ctx context.Context, source Source) (map[string]string, error) {
	seed := maphash.MakeSeed()
	times := make(map[uint64]uint8)
	err := eachGift(ctx, source, func(g plan.Gift) {
		h := maphash.String(seed, g.ID)
		times[h] = min(times[h]+1, 2)
	})
	if err != nil {
		return nil, err
	}
	repeated := false
	for h, n := range times {
		if n < 2 {
			delete(times, h)
		} else {
			repeated = true
		}
	}
	if !repeated {
		return nil, nil
	}
	found := make(map[string]string)
	first := make(map[string]plan.Gift)
	err = eachGift(ctx, source, func(g plan.Gift) {
		if times[maphash.String(seed, g.ID)] == 0 {
			return
		}
		if other, ok := first[g.ID]; !ok {
			first[g.ID] = g
		} else if what := contradicts(other, g); what != "" {
			found[g.ID] = what
		}
	})
	return found, err
}

// eachGift calls do with every gift of a source's listing, from its beginning.
func eachGift(ctx context.Context, source Source, do func(plan.Gift)) error {
	now := readNow(time.Time{}, 0)
	for cursor := ""; ; {
		page, err := source.API.Transactions(ctx, thnksapi.Query{Cursor: cursor})
		if err != nil {
			return err
		}
		for _, row := range page.Rows {
			if s, bad := normalize(row, now); bad == nil {
				do(s.gift)
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}
