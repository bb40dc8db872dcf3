package sync

import (
	"cmp"
	"context"
	"iter"
	"regexp"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
)

// groupKeys is how many keys a group of the quarantine shows.
const groupKeys = 5

// A jailer holds a quarantine. [*store.Store] is one.
type jailer interface {
	Quarantine(context.Context) iter.Seq2[store.Quarantined, error]
}

// Quarantined lists a portal's quarantine, and groups it by class and reason.
// Reasons are one where they differ in no more than ids, numbers, addresses
// and quoted values.
func Quarantined(ctx context.Context, portal string, j jailer) (QuarantineList, error) {
	l := QuarantineList{Portal: portal, Records: []QuarantineRecord{}, Groups: []QuarantineGroup{}}
	type kind struct{ class, reason string }
	at := make(map[kind]int)
	for q, err := range j.Quarantine(ctx) {
		if err != nil {
			return QuarantineList{}, err
		}
		l.Records = append(l.Records, QuarantineRecord{
			Key: q.Key, TransactionID: q.TransactionID, Class: q.Class, Reason: q.Reason,
			CorrelationID: q.CorrelationID, Attempts: q.Attempts, First: q.First, Last: q.Last,
		})
		k := kind{q.Class, gist(q.Reason)}
		i, ok := at[k]
		if !ok {
			i = len(l.Groups)
			at[k] = i
			l.Groups = append(l.Groups, QuarantineGroup{Class: q.Class, Reason: q.Reason})
		}
		g := &l.Groups[i]
		if g.Count++; len(g.Keys) < groupKeys {
			g.Keys = append(g.Keys, q.Key)
		}
	}
	slices.SortStableFunc(l.Groups, func(a, b QuarantineGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Reason, b.Reason))
	})
	return l, nil
}

// particular matches what differs from row to row in a reason: quoted values,
// and words with a digit or an at sign in them.
var particular = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|“[^”]*”|[^\s"'(){}\[\],:;=]*[0-9@][^\s"'(){}\[\],:;=]*`)

// gist is what reasons of one kind have in common.
func gist(reason string) string { return particular.ReplaceAllString(reason, "…") }

// releaseUnmet takes the rows without an id out of the quarantine that a
// complete listing, begun at a time, did not show any more: mended at the
// source, such a row is another one, and nothing else would tell. A listing of
// the API says nothing about rows of export files, and the other way round; nor
// does an export file about rows of a part of the account that it does not show.
func (r *run) releaseUnmet(ctx context.Context, begun time.Time) error {
	if r.req.DryRun {
		return nil
	}
	all, err := r.showedAll()
	if err != nil {
		return err
	}
	var healed []string
	total := 0
	flush := func() error {
		if len(healed) == 0 {
			return nil
		}
		total += len(healed)
		err := r.Journal.Commit(store.Commit{Healed: healed})
		healed = nil
		return err
	}
	for q, err := range r.Journal.Quarantine(ctx) {
		if err != nil {
			return err
		}
		if q.TransactionID != "" || !q.Last.Before(begun) {
			continue
		}
		if r.ofExport(q.Row) != (r.feeding() == feedExport) {
			continue
		}
		if r.ofExport(q.Row) && !all && !slices.ContainsFunc(r.NearExport(q.Row), r.tally.has) {
			continue
		}
		if healed = append(healed, q.Key); len(healed) == commitGifts {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if total > 0 {
		r.log.Info("unreadable rows are no longer at the source and left the quarantine", "count", total)
	}
	return nil
}

// showedAll reports whether the run's listing showed every gift that there is.
func (r *run) showedAll() (bool, error) {
	n, err := r.Journal.Count()
	c := r.tally.counts
	return c[endCreated]+c[endUpdated]+c[endUnchanged]+c[endDeleted] >= n, err
}
