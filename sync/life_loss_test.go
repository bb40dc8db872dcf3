package sync_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/simulation"
)

// A lostFile is what the model remembers of a state file that was lost.
type lostFile struct {
	// events are those that it had. The program has forgotten them, but a date
	// that one gave a record may stand there for good.
	events []store.Event
	// relics are what only events tell of and the records said then, written
	// as the events that would say it: the rebuild takes it from there.
	relics []store.Event
	// falling are gifts whose records may fall back to what the snapshot says.
	falling map[string]bool
	// showed is the status of each record then, from which the rebuild takes it.
	showed map[string]string
}

// mislay loses the state file at times, but not while a property is deleted: what
// it held comes back with it, and so what events said of a gift.
func (l *life) mislay() {
	if l.rng.IntN(12) == 0 && len(l.lacking) == 0 {
		l.lose()
	}
}

// lose removes the state file. No one does anything in HubSpot before the next
// run, so that what the program rebuilds from is what is there now:
//
//   - Events are forgotten, processed or not. What they said of the parcel and
//     the note stands in the records; a status falls back to the snapshot's.
//   - Links are those that HubSpot has. One that people removed, or that got
//     lost, is like one that never was.
//   - A record that people deleted stays deleted: HubSpot lists it. One that
//     they merged into another's is listed nowhere, and its gift is a new one.
func (l *life) lose() {
	if err := os.Remove(l.Path); err != nil {
		if !os.IsNotExist(err) {
			l.T.Error(err)
		}
		return
	}
	l.note("the state file is lost")
	l.pinned = false
	l.struck.add(fileLost)
	defer l.own()
	l.forgot.events, l.forgot.relics = append(l.forgot.events, l.received...), nil
	l.received = nil
	clear(l.graves.back)
	for _, r := range l.Portal.Snapshot()["thnks"] {
		id := r.Properties["thnks_transaction_id"]
		at, _ := time.Parse(time.RFC3339, r.Properties["parcel_status_date"])
		l.forgot.relics = append(l.forgot.relics,
			store.Event{TransactionID: id, Signed: true, ParcelStatus: r.Properties["parcel_status"], ParcelAt: at},
			// Any event that comes from now on is newer than this note.
			store.Event{TransactionID: id, Signed: true, ThankYouNote: r.Properties["thank_you_note"], At: time.Time{}.Add(1)})
	}
	records := l.records()
	for id, r := range records {
		l.forgot.showed[id] = r.Properties["status"]
		if was, ok := l.shown[id]; ok {
			l.forgot.falling[id] = true
			l.shown[id] = l.lasting(id, was)
		}
	}
	deleted := make(map[string]bool)
	for _, r := range l.Portal.Snapshot()["thnks"] {
		if r.Archived {
			deleted[r.Properties["thnks_transaction_id"]] = true
		}
	}
	for id, g := range l.gifts {
		r := records[id]
		if r.ID == "" {
			for _, v := range l.versions[id] {
				delete(l.compared, v.TrackingURL) // it is not known any more that it was read
			}
			*g = modelGift{known: make(map[string][]string), others: make(map[string][]string), gone: g.gone && deleted[id]}
			continue
		}
		g.known, g.contact, g.unfinished, g.open = l.Links(r.ID), "", false, false
		if c := g.known["contacts"]; len(c) == 1 {
			g.contact = c[0]
		}
	}
}

// own does as the program says where the file was lost while the custom object
// was being created: it then does not know it for its own.
func (l *life) own() {
	s, ok := l.Portal.SchemaOf("thnks")
	if !ok || slices.ContainsFunc(s.Properties, func(p hubspottest.Property) bool {
		return p.Name == "thnks_transaction_id" && p.Group == "thnks_hubspot_sync"
	}) {
		return
	}
	l.live(0, func(ctx context.Context, e *giftsync.Engine, _ *store.Store) {
		var fatal *giftsync.Fatal
		if _, err := e.Run(ctx, giftsync.Request{Mode: giftsync.Backfill}); !errors.As(err, &fatal) || !strings.Contains(fatal.Remedy, "check --adopt "+s.ID) {
			l.T.Errorf("an object that is not known: %v, want the remedy", err)
		}
		l.well(ctx, e, giftsync.Request{Mode: giftsync.Adopt, Keys: []string{s.ID}})
	})
}

// lasting is what a record shows, with the status below which it must not fall:
// that of the snapshot, where a claim put it further and was lost with the file,
// or came when it was not known any more that the snapshot is newer. It falls, and the
// claim's date goes, when the program has read the row again, and HubSpot takes it.
func (l *life) lasting(id string, is seen) seen {
	if l.forgot.falling[id] {
		is.status = simulation.StatusOf(l.versions[id][version(is.marker)])
		is.dates = maps.Clone(is.dates)
		maps.DeleteFunc(is.dates, func(s, at string) bool { return slices.Contains(l.claimed(id, s), at) })
	}
	return is
}

// acknowledged are all events that were, those of lost files included.
func (l *life) acknowledged() []store.Event { return slices.Concat(l.forgot.events, l.received) }

// overtaken reports whether a status is the claim of an event that the version is
// too new for. It may have been applied to a record in doubt, when it was not known that
// it says this version already.
func (l *life) overtaken(id string, version int, status string) bool {
	return slices.ContainsFunc(l.acknowledged(), func(e store.Event) bool {
		return e.TransactionID == id && e.Signed && string(e.Status) == status && e.At.Before(l.versions[id][version].UpdatedAt.Add(-15*time.Minute))
	})
}
