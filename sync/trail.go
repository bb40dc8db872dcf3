package sync

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"thnks-hubspot-sync/store"
)

// A RunList is what a portal's runs of the last 90 days did, newest first.
type RunList struct {
	Portal string            `json:"portal"`
	Runs   []store.RunRecord `json:"runs"`
}

// ListRuns lists a portal's runs: the newest limit, or all for 0.
func ListRuns(ctx context.Context, portal string, j interface {
	Runs(context.Context) iter.Seq2[store.RunRecord, error]
}, limit int,
) (RunList, error) {
	l := RunList{Portal: portal, Runs: []store.RunRecord{}}
	for r, err := range j.Runs(ctx) {
		if err != nil {
			return l, err
		}
		l.Runs = append(l.Runs, r)
	}
	slices.Reverse(l.Runs)
	if limit > 0 && len(l.Runs) > limit {
		l.Runs = l.Runs[:limit]
	}
	return l, nil
}

// runningEntry is the journal's entry for the run under way, a [store.RunRecord].
const runningEntry = "running"

// killed is why a run ended of which the state file knows the beginning alone. What it
// did until then, the audit says.
const killed = "the program ended in the middle of the run: it was killed or crashed, or the machine stopped; a later run went on from there"

// listBegun notes that the run is under way, and puts an earlier one into the list of
// runs that never ended.
func listBegun(r *run) error {
	if r.req.DryRun {
		return nil
	}
	var before store.RunRecord
	died, err := Recall(r.journal, runningEntry, &before)
	if err != nil {
		return err
	}
	now := store.RunRecord{ID: r.id, Mode: string(r.mode), Started: r.started, Skipped: map[string]int{}, HubSpotCalls: map[string]int{}}
	c := store.Commit{Meta: Meta(runningEntry, now)}
	if died {
		before.Error = killed
		c.Runs = []store.RunRecord{before}
	}
	return r.recorder.Commit(c)
}

// listEnded is the commit that puts a run into the list of runs at its end.
func listEnded(r *run, rep Report) store.Commit {
	c := listed(r, rep)
	c.Meta = map[string][]byte{runningEntry: nil}
	return c
}

// listed is the commit that puts a run into the list of runs. An error is kept
// without the addresses that HubSpot may have quoted in it.
func listed(r *run, rep Report) store.Commit {
	calls := make(map[string]int, len(rep.HubSpotCalls))
	for class, n := range rep.HubSpotCalls {
		calls[string(class)] = n
	}
	return store.Commit{Runs: []store.RunRecord{{
		ID: r.id, Mode: string(cmp.Or(rep.Mode, r.mode)), Started: rep.StartedAt, Finished: rep.FinishedAt,
		Fetched: rep.Fetched, Created: rep.Created, Updated: rep.Updated, Unchanged: rep.Unchanged, Quarantined: rep.Quarantined,
		Skipped: rep.Skipped, Linked: rep.AssociationsCreated,
		HubSpotCalls: calls, ThnksCalls: rep.ThnksCalls, Error: addressLike.ReplaceAllString(rep.Error, "…"),
	}}}
}

// listedErasure is listed for an erasure: what it updated are the records that it
// blanked.
func listedErasure(r *run, rep Erasure, err error) store.Commit {
	as := Report{Mode: erasing, StartedAt: r.started, FinishedAt: time.Now().UTC(), Fetched: rep.Blanked, Updated: rep.Blanked, Skipped: map[string]int{}}
	as.HubSpotCalls, as.ThnksCalls = r.counts.calls(r.cfg())
	if err != nil {
		as.Error = err.Error()
	}
	return listed(r, as)
}

// An AuditQuery asks for entries of a portal's audit.
type AuditQuery struct {
	Run           string    `json:"run,omitempty"`            // "" for any
	TransactionID string    `json:"transaction_id,omitempty"` // "" for any
	Since         time.Time `json:"since,omitzero"`           // zero for any time
	Limit         int       `json:"limit,omitempty"`          // the newest so many; 0 for all
}

func (q *AuditQuery) matches(e *store.AuditEntry) bool {
	return (q.Run == "" || e.Run == q.Run) && !e.At.Before(q.Since) &&
		(q.TransactionID == "" || slices.Contains(e.TransactionIDs, q.TransactionID))
}

// An AuditRecord is one entry of the audit as it is shown.
type AuditRecord struct {
	Entry          uint64    `json:"entry"`
	At             time.Time `json:"at"`
	Run            string    `json:"run,omitempty"`
	Action         string    `json:"action"`
	Method         string    `json:"method,omitempty"`
	Path           string    `json:"path,omitempty"`
	Status         int       `json:"status,omitempty"`
	CorrelationID  string    `json:"correlation_id,omitempty"`
	TransactionIDs []string  `json:"transaction_ids,omitempty"`
	Reasons        []string  `json:"reasons,omitempty"`
	Hash           string    `json:"hash,omitempty"` // of the chain up to this entry
}

// An AuditFinding is what a portal's audit was found to be.
type AuditFinding struct {
	Portal string           `json:"portal"`
	Proof  store.AuditProof `json:"audit"`
	Broken string           `json:"broken,omitempty"` // how it is not what was written; "" if it is
}

// VerifyAudit goes through a portal's audit; see [store.Store.VerifyAudit].
func VerifyAudit(ctx context.Context, portal string, j interface {
	VerifyAudit(ctx context.Context, head string) (store.AuditProof, error)
}, head string,
) (AuditFinding, error) {
	proof, err := j.VerifyAudit(ctx, head)
	f := AuditFinding{Portal: portal, Proof: proof}
	if store.IsBroken(err) {
		f.Broken, err = err.Error(), nil
	}
	return f, err
}

// ListAudit calls each with the entries that a query asks for, oldest first, in
// groups of at most 500. It holds at most the limit of them at a time.
func ListAudit(ctx context.Context, j interface {
	Audit(context.Context) iter.Seq2[store.AuditEntry, error]
}, q AuditQuery, each func([]AuditRecord) error,
) error {
	const group = 500
	var some []AuditRecord
	for e, err := range j.Audit(ctx) {
		if err != nil {
			return err
		}
		if !q.matches(&e) {
			continue
		}
		some = append(some, AuditRecord{
			Entry: e.Seq, At: e.At, Run: e.Run, Action: e.Action, Method: e.Method, Path: e.Path, Status: e.Status,
			CorrelationID: e.CorrelationID, TransactionIDs: e.TransactionIDs, Reasons: e.Reasons, Hash: e.Hash,
		})
		switch {
		case q.Limit > 0 && len(some) > 2*q.Limit:
			some = append(some[:0], some[len(some)-q.Limit:]...)
		case q.Limit == 0 && len(some) == group:
			if err := each(some); err != nil {
				return err
			}
			some = nil
		}
	}
	if q.Limit > 0 && len(some) > q.Limit {
		some = some[len(some)-q.Limit:]
	}
	for part := range slices.Chunk(some, group) {
		if err := each(part); err != nil {
			return err
		}
	}
	return nil
}
