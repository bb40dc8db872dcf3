package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"thnks-hubspot-sync/store"
	giftsync "thnks-hubspot-sync/sync"
	"thnks-hubspot-sync/sync/daemon"
)

// notifyEvery is how often the service manager gets the daemon's status.
// Its watchdog is notified twice as often as it asks for, if that is more often.
const notifyEvery = 10 * time.Second

// stuckAfter is how long a run may work without a pause: it pauses for each
// answer of a vendor and after each window, so one that does not is stuck.
const stuckAfter = 10 * time.Minute

// A notifier tells systemd that the daemon is ready, then how it stands and that
// it comes round; see sd_notify(3).
type notifier struct {
	tell     func(state string) error
	every    time.Duration
	standing func() string
	stalled  func() string // what is stuck, "" for nothing
	log      *slog.Logger
}

// newNotifier returns the notifier of a daemon. Without systemd, which names its
// socket in the environment, it tells no one.
func (h *host) newNotifier() (*notifier, error) {
	n := &notifier{
		tell:     func(state string) error { _, err := sd.SdNotify(false, state); return err },
		every:    notifyEvery,
		standing: h.standing,
		stalled: func() string {
			g := h.now.Load()
			if longest := g.s.turns.Load().Longest; longest > stuckAfter {
				return fmt.Sprintf("a run for %v", longest.Round(time.Second))
			}
			return g.daemon.Stalled()
		},
		log: h.log,
	}
	watchdog, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("systemd's watchdog: %w", err)
	}
	if watchdog > 0 {
		n.every = min(n.every, watchdog/2)
	}
	return n, nil
}

// standing says in one line how the daemon stands.
func (h *host) standing() string {
	s := standing(h.now.Load().daemon.Figures())
	if h.problem.Load() != nil {
		s = "the changed configuration has a mistake, and the one before is in use: see the log; " + s
	}
	return s
}

// say tells the manager something, and how the daemon stands.
func (n *notifier) say(what string) {
	if err := n.tell(what + "\nSTATUS=" + n.standing()); err != nil {
		n.log.Warn("the daemon's status could not be sent to systemd", "error", err)
	}
}

// reloading says that the daemon reads its configuration anew; ready says that this is
// over.
func (n *notifier) reloading() {
	what := sd.SdNotifyReloading
	if usec := sd.SdNotifyMonotonicUsec(); usec != "" { // Type=notify-reload wants it
		what += "\n" + strings.TrimSpace(usec)
	}
	n.say(what)
}

func (n *notifier) ready() { n.say(sd.SdNotifyReady) }

// run tells until ctx ends. While something is stalled the watchdog is told
// nothing, so that systemd restarts the daemon.
func (n *notifier) run(ctx context.Context) {
	tick := time.NewTicker(n.every)
	defer tick.Stop()
	n.ready()
	for stuck := false; ; {
		select {
		case <-ctx.Done():
			n.say(sd.SdNotifyStopping)
			return
		case <-tick.C:
		}
		stalled := n.stalled()
		switch {
		case stalled == "":
			n.say(sd.SdNotifyWatchdog)
		case !stuck:
			n.log.Error("the daemon is stuck: systemd restarts it where WatchdogSec is set", "what", stalled)
		}
		stuck = stalled != ""
	}
}

// standing says in one line how the portals stand: what needs an admin first,
// then what is under way, the passes and the events that wait.
func standing(portals []daemon.Figures) string {
	var (
		parts      []string
		last, next time.Time
		waiting    int
	)
	for _, f := range portals {
		switch at := f.Status; {
		case !at.Ready:
			parts = append(parts, at.Portal+" needs attention: thnks-hubspot-sync check")
		case at.Trouble != "":
			parts = append(parts, at.Portal+": the last run ended early, it is tried again")
		}
		if f.Status.Doing == giftsync.Backfill || f.Status.Doing == giftsync.Rebuild {
			parts = append(parts, fmt.Sprintf("%s: %s, %d gifts so far", f.Status.Portal, f.Status.Doing, f.Progress.Done))
		}
		if f.Status.LastSync.After(last) {
			last = f.Status.LastSync
		}
		if at := f.Status.NextRun; !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
		if f.Holdings != nil {
			waiting += f.Holdings.Events[store.EventPending] + f.Holdings.Events[store.EventWaiting]
		}
	}
	if !last.IsZero() {
		parts = append(parts, "last pass "+last.UTC().Format("15:04"))
	}
	if !next.IsZero() {
		parts = append(parts, "next pass "+next.UTC().Format("15:04")+" UTC")
	}
	return strings.Join(append(parts, fmt.Sprintf("%d events wait", waiting)), "; ")
}
