package main

import (
	"context"
	"iter"
	"time"

	"thnks-hubspot-sync/configs"
	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
	giftportal "thnks-hubspot-sync/sync/portal"
	"thnks-hubspot-sync/sync/stats"
)

// query computes a portal's statistics from its journal and, where that is
// asked for, compares the journal with what HubSpot lists.
func query(ctx context.Context, s *session, p configs.Portal, j *store.Store, q stats.Query) (stats.Report, error) {
	rep, err := statistics(ctx, p, j, q.Filter)
	if err != nil || !q.Live {
		return rep, err
	}
	open, err := s.connect(p, stateOf(j), nil)
	if err != nil {
		return rep, err
	}
	defer open.closeIdle()
	live, err := reconcile(ctx, open.engine.View().Portal.Records, j, p.HubSpot.LeaveOut)
	rep.Live = &live
	return rep, err
}

// reconcile compares the journal with what HubSpot lists of records that get no
// value of the properties in leftOut.
func reconcile(ctx context.Context, records *giftportal.Records, j *store.Store, leftOut []string) (stats.Reconciliation, error) {
	r, err := stats.NewReconciler(stats.Holder{
		All:  func() iter.Seq2[plan.Stored, error] { return j.Brief(ctx) },
		Look: j.Gifts,
	}, leftOut)
	if err != nil {
		return stats.Reconciliation{}, err
	}
	calls, err := records.Shown(ctx, func(page []giftportal.Shown) error {
		list := make([]stats.Record, len(page))
		for i, s := range page {
			list[i] = stats.Record{ObjectID: s.ObjectID, TransactionID: s.GiftID, Status: s.Status, Amount: s.Amount}
		}
		return r.Add(list)
	})
	if err != nil {
		return stats.Reconciliation{}, err
	}
	return r.Report(time.Now(), calls)
}
