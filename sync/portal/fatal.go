package portal

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
)

// A Fatal error stops its portal until an admin has done something; its text
// says what. Other portals go on.
type Fatal struct {
	What   string // what is wrong
	Remedy string // what to do about it
	Err    error  // the failure behind it, if any

	// Again is for how long nothing is tried by itself, because trying more often
	// would hardly ever help; zero where each slot of the schedule tries.
	Again time.Duration
}

func (f *Fatal) Error() string {
	s := f.What
	if f.Err != nil {
		s += " (" + f.Err.Error() + ")"
	}
	return s + ": " + f.Remedy
}

// Unwrap returns the failure behind it.
func (f *Fatal) Unwrap() error { return f.Err }

// KindIs reports whether err is HubSpot's and of one of these kinds.
func KindIs(err error, kinds ...hubspot.Kind) bool {
	var he *hubspot.Error
	return errors.As(err, &he) && slices.Contains(kinds, he.Kind)
}

// IsRefused reports whether HubSpot refused the input because of what it says.
func IsRefused(err error) bool { return KindIs(err, hubspot.Refused) }

// IsGone reports whether the record is not in HubSpot, or archived there.
func IsGone(err error) bool { return KindIs(err, hubspot.NotFound, hubspot.Archived) }

// IsArchived reports whether an archived record is in the way.
func IsArchived(err error) bool { return KindIs(err, hubspot.Archived) }

// archivedID is the id of the archived record that is in the way, if known.
func archivedID(err error) string {
	var he *hubspot.Error
	if errors.As(err, &he) && len(he.IDs) > 0 {
		return he.IDs[0]
	}
	return ""
}

// failedAlone reports whether HubSpot, or something before it, failed at a call in a way
// that says nothing of other calls: a run goes on without what it only spares, or what
// is an extra. The end of the token or of the day's calls says something of all.
func failedAlone(err error) bool {
	return KindIs(err, hubspot.Refused, hubspot.NotFound, hubspot.Transient, hubspot.Unexpected, hubspot.Unprocessable) && !errors.Is(err, context.Canceled)
}

// LacksScopes is the refusal of a token that lacks scopes.
func LacksScopes(scopes []string, err error) *Fatal {
	return &Fatal{
		What:   "the HubSpot token lacks " + strings.Join(scopes, ", "),
		Remedy: "grant these scopes to the app or service key, then run again (custom-object scopes exist only in accounts with an Enterprise subscription)",
		Err:    err,
	}
}

// NoSubscription is the refusal of custom objects to a token that has the scopes for
// them.
func NoSubscription(err error) *Fatal {
	return &Fatal{
		What:   "HubSpot refuses custom objects although the token has the scopes for them: the account's subscription does not include them",
		Remedy: "custom objects need an Enterprise subscription; when the account has one again, runs go on by themselves within six hours, or at once with `sync`",
		Err:    err,
		Again:  askAgainAfter,
	}
}
