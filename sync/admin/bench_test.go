package admin

import (
	"context"
	"testing"

	giftsync "thnks-hubspot-sync/sync"
)

// BenchmarkStatus requests ten portals' status through the socket, one
// connection per request.
func BenchmarkStatus(b *testing.B) {
	statuses := make([]giftsync.Status, 10)
	for i := range statuses {
		statuses[i] = filled[giftsync.Status](i)
	}
	d := start(b, fake{status: func(context.Context) ([]giftsync.Status, error) { return statuses, nil }}, nil)
	c := mustDial(b, d.path)
	for b.Loop() {
		if _, err := c.Status(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDryRun sends the report of a dry run of 100,000 changes.
func BenchmarkDryRun(b *testing.B) {
	rep := giftsync.Report{Changes: make([]giftsync.PlannedChange, 100_000)}
	for i := range rep.Changes {
		rep.Changes[i] = filled[giftsync.PlannedChange](i)
	}
	d := start(b, fake{run: func(context.Context, string, giftsync.Request, giftsync.Watcher) (giftsync.Report, error) {
		return rep, nil
	}}, nil)
	c := mustDial(b, d.path)
	b.ReportAllocs()
	for b.Loop() {
		got, err := c.Run(b.Context(), "acme", giftsync.Request{DryRun: true}, giftsync.Watcher{})
		if err != nil || len(got.Changes) != len(rep.Changes) {
			b.Fatal(len(got.Changes), err)
		}
	}
}
