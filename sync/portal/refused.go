package portal

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// maxRounds bounds how often refused records are sent again without what they
// were refused for. Each round takes something away.
const maxRounds = 5

// codeNoProperty is HubSpot's code for a property that is not defined. A run adds
// it again, so that nothing is left out for that.
const codeNoProperty = "PROPERTY_DOESNT_EXIST"

// A sparing sends changes again that HubSpot refused for values which a gift is
// worth having without, or for the sake of others.
type sparing struct {
	records *Records
	changes []plan.Change
	answers []hubspot.Outcome // one for each change
	send    func(at []int) ([]hubspot.Outcome, error)
}

// run goes on from where a call ended with err, and returns how it ends now.
func (s sparing) run(err error) error {
	for range maxRounds {
		var systematic *hubspot.Systematic
		switch {
		case err == nil:
			again := s.refused(func(i int, he *hubspot.Error) bool { return s.records.leaveOut(s.changes[i], he) })
			if len(again) == 0 {
				return nil
			}
			err = s.resend(again)
		case !errors.As(err, &systematic):
			return err
		case RequiresContact(err):
			err = s.resend(s.refused(func(i int, _ *hubspot.Error) bool { return plan.HasMade(s.changes[i].Links, plan.Contact) }))
		default:
			// Too many of a batch were refused, and the rest was given up with them.
			names := s.records.extrasNamed(systematic.Refusal)
			if len(names) == 0 {
				return err
			}
			err = s.byValue(names[0])
		}
	}
	return err
}

// refused returns the changes that HubSpot refused, or that were given up with
// others, and that which is true of.
func (s sparing) refused(which func(i int, he *hubspot.Error) bool) []int {
	var at []int
	for i, a := range s.answers {
		if he, ok := hubspot.AsError(a.Err); a.Object == nil && ok && he.Kind == hubspot.Refused && which(i, he) {
			at = append(at, i)
		}
	}
	return at
}

// resend sends some changes again and takes over the answers.
func (s sparing) resend(at []int) error {
	if len(at) == 0 {
		return nil
	}
	more, err := s.send(at)
	for k, i := range at[:min(len(at), len(more))] {
		s.answers[i] = more[k]
	}
	return err
}

// byValue sends what was refused again, the changes with each value of a property
// apart, so that those with a good one keep it.
func (s sparing) byValue(name string) error {
	var values []string
	with := make(map[string][]int)
	for _, i := range s.refused(func(int, *hubspot.Error) bool { return true }) {
		v := s.changes[i].Properties[name]
		if with[v] == nil {
			values = append(values, v)
		}
		with[v] = append(with[v], i)
	}
	var again []int
	for _, v := range values {
		err := s.resend(with[v])
		if he, ok := hubspot.AsError(err); ok && errors.As(err, new(*hubspot.Systematic)) && slices.Contains(s.records.extrasNamed(he), name) && v != "" {
			for _, i := range with[v] {
				if s.answers[i].Object == nil && s.records.leaveOut(s.changes[i], he) {
					again = append(again, i)
				}
			}
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return s.resend(again)
}

// extrasNamed returns the properties that a refusal names, where a gift is worth
// having without each of them, and none otherwise.
func (r *Records) extrasNamed(he *hubspot.Error) []string {
	var names []string
	for _, d := range he.Details {
		if d.Code == codeNoProperty || !r.isExtra(d.Property) {
			return nil
		}
		names = append(names, d.Property)
	}
	return names
}

// leaveOut takes the values out of a change that a refusal names, if the gift is
// worth having without each of them, and reports whether there were any.
func (r *Records) leaveOut(c plan.Change, he *hubspot.Error) bool {
	names := r.extrasNamed(he)
	if slices.ContainsFunc(names, func(name string) bool { return c.Properties[name] == "" }) {
		return false // it was refused for lacking it
	}
	for _, name := range names {
		if name == OwnerProperty {
			r.directory.forgetOwner(c.Properties[name])
		}
		delete(c.Properties, name)
		r.session.Log.Warn("value left out: HubSpot refuses it for this property; the rest of the gift is written",
			"transaction", c.Gift.ID, "property", name, "correlation", he.CorrelationID)
	}
	return len(names) > 0
}

// isExtra reports whether a gift is worth having without a property.
func (r *Records) isExtra(name string) bool {
	return name == OwnerProperty || slices.ContainsFunc(plan.Fields(r.object.conn.cfg.Metadata...), func(f plan.Field) bool { return f.Extra && f.Name == name })
}

// requirement matches what HubSpot says of an association that its form for new
// records requires. There is no documented code for it.
var requirement = regexp.MustCompile(`(?i)requir\w*\b.*\bassociat|associat\w*\b.*\brequir`)

// RequiresContact reports whether HubSpot refused a new record for having no
// contact: an admin has made one required of new records.
func RequiresContact(err error) bool {
	he, ok := hubspot.AsError(err)
	if !ok || he.Kind != hubspot.Refused {
		return false
	}
	for _, d := range he.Details {
		if d.Property != "" {
			return false // it is about a value
		}
		if strings.Contains(d.Code, "REQUIRED") && strings.Contains(d.Code, "ASSOCIATION") {
			return true
		}
	}
	return requirement.MatchString(he.Message)
}

// contactRequiredEntry is the memory's entry for since when HubSpot is known to
// require a contact of new records: a time, zero if it does not.
const contactRequiredEntry = "contact_required"

// ContactRequired returns since when HubSpot is known to require a contact of new
// records, and the zero time if it is not.
func (r *Records) ContactRequired() (since time.Time, err error) {
	_, err = r.session.Memory.Recall(contactRequiredEntry, &since)
	return since, err
}

// learnRequirement remembers what the outcomes of creates say of the contact.
func (r *Records) learnRequirement(out []Outcome) error {
	required, not := false, false
	for _, o := range out {
		switch {
		case o.End == NeedsContact:
			required = true
		case o.End == Created && o.Call != nil && (o.Unlinked || !plan.HasMade(o.Change.Links, plan.Contact)):
			not = true
		}
	}
	if !required && !not {
		return nil
	}
	since, err := r.ContactRequired()
	switch {
	case err != nil:
		return err
	case not && !since.IsZero():
		return r.session.Memory.Remember(contactRequiredEntry, time.Time{})
	case required && !not && since.IsZero():
		return r.session.Memory.Remember(contactRequiredEntry, r.session.Started)
	}
	return nil
}
