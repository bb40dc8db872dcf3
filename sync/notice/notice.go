// Package notice tells people when a portal needs them: that it needs attention, that it
// is well again, and that its first backfill has finished, by Slack or by e-mail.
//
//	n, err := notice.Open(filepath.Join(stateDir, "notices"), channels, log)
//	n.Keep(ctx, standings)
//
// It compares how the portals stand with what each channel was sent, and sends the
// difference: each thing once, also over restarts, and again where a channel did not
// take it. Nothing waits for it, and no personal value is in what it says.
package notice

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Standing is how a portal stands.
type Standing struct {
	Portal string
	// Faults are the kinds of what needs an admin; empty if nothing does. Problem says
	// it in words, with what to do.
	Faults  []string
	Problem string
	// LastPass is when the last pass without error ended, also before a restart; zero if
	// none has.
	LastPass time.Time
	// Backfilled is whether the first backfill has finished; nil if that is not known
	// yet. Gifts and Quarantined are what it has left.
	Backfilled         *bool
	Gifts, Quarantined int
}

// A Notice is one thing that a channel tells.
type Notice struct {
	Subject string // one line
	Body    string // lines of text
}

// told is what a channel knows about a portal.
type told struct {
	Faults     []string  `json:"faults,omitempty"` // those that stand, sorted
	At         time.Time `json:"at,omitzero"`      // when it heard about the last of them
	Backfilled *bool     `json:"backfilled,omitempty"`
}

// due returns what is to be said about a portal, and what the channel knows then. What
// was finished when a channel first looked is no news.
//
// A portal is well again only when a pass has ended well since the fault was told: after
// a restart nothing is known to be wrong, and nothing is known to be well.
func due(s Standing, before told, now time.Time) (notices []Notice, after told) {
	if before.At.After(now) { // our clock was ahead
		before.At = now
	}
	if len(s.Faults) > 0 && s.LastPass.After(before.At) { // those that are over are news when they come again
		before.Faults = slices.DeleteFunc(slices.Clone(before.Faults), func(f string) bool { return !slices.Contains(s.Faults, f) })
	}
	after = before
	if s.Backfilled != nil && (before.Backfilled == nil || *s.Backfilled && !*before.Backfilled) {
		if before.Backfilled != nil {
			notices = append(notices, backfilled(s))
		}
		after.Backfilled = s.Backfilled
	}
	fresh := slices.DeleteFunc(slices.Clone(s.Faults), func(f string) bool { return slices.Contains(before.Faults, f) })
	switch {
	case len(fresh) > 0:
		after.Faults = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(before.Faults), fresh...))))
		after.At = now
		notices = append(notices, attention(s))
	case len(s.Faults) == 0 && len(before.Faults) > 0 && s.LastPass.After(before.At):
		after.Faults, after.At = nil, time.Time{}
		notices = append(notices, recovered(s))
	}
	return notices, after
}

func attention(s Standing) Notice {
	return Notice{
		Subject: fmt.Sprintf("Portal %s needs attention", s.Portal),
		Body: lines(
			s.Problem,
			fmt.Sprintf("What to do: thnks-hubspot-sync check --portal %s says what is wrong, line by line, with the remedy of each.", s.Portal),
			"The portal goes on by itself when that is done, and catches up. Nothing is lost meanwhile: webhook events wait on disk.",
		),
	}
}

func recovered(s Standing) Notice {
	return Notice{
		Subject: fmt.Sprintf("Portal %s is well again", s.Portal),
		Body: lines(
			fmt.Sprintf("A pass has ended well at %s UTC, and nothing needs an admin any more.", s.LastPass.UTC().Format("2006-01-02 15:04")),
			"There is nothing to do.",
		),
	}
}

func backfilled(s Standing) Notice {
	what := fmt.Sprintf("%d gifts are in HubSpot, linked to their contacts, companies and open deals.", s.Gifts)
	next := fmt.Sprintf("What to do: look at thnks-hubspot-sync stats --portal %s, and at the records in HubSpot.", s.Portal)
	if s.Quarantined > 0 {
		what += fmt.Sprintf(" %d records could not be synced.", s.Quarantined)
		next = fmt.Sprintf("What to do: thnks-hubspot-sync quarantine list --portal %s has the reason of each.", s.Portal)
	}
	return Notice{Subject: fmt.Sprintf("Portal %s: the first backfill has finished", s.Portal), Body: lines(what, next)}
}

// lines joins the lines that are not empty.
func lines(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(l string) bool { return l == "" }), "\n")
}
