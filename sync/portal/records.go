package portal

import (
	"cmp"
	"context"
	"fmt"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// RecordCalls is what [Records] asks of HubSpot.
type RecordCalls interface {
	List(ctx context.Context, objectType, after string, limit int, archived bool, properties []string) (*hubspot.Page, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Get(ctx context.Context, objectType, id string, properties []string, archived bool) (*hubspot.Object, error)
	ReadByKey(ctx context.Context, objectType, key string, values, properties []string, archived bool) ([]hubspot.Outcome, error)
	Associated(ctx context.Context, fromType, toType string, ids []string) ([]hubspot.RelatedOutcome, error)
	Create(ctx context.Context, objectType, key string, in []hubspot.NewObject) ([]hubspot.Outcome, error)
	Update(ctx context.Context, objectType string, in []hubspot.Patch) ([]hubspot.Outcome, error)
	Associate(ctx context.Context, fromType, toType string, in []hubspot.Pair) ([]hubspot.Outcome, error)
	Shown(ctx context.Context, objectType string, ids []string) (hubspot.Shown, error)
}

// Records writes and reads the records of the custom object.
type Records struct {
	session   Session
	object    *Object
	directory *Directory
	calls     door[RecordCalls]
	writer    writer
	trail     map[bool]*hubspot.Trail // of [Records.List], by archived
	chosen    Chosen
}

// Chosen counts the gifts of which a rule chose what they are linked to.
type Chosen struct {
	Ambiguous int // several contacts matched
	Cut       int // more deals were open than may be linked
	LeftOut   int // deals, of these
}

// Chosen returns how many gifts written so far had their links chosen by a rule.
func (r *Records) Chosen() Chosen { return r.chosen }

// An End is how a change of a record ended.
type End int

// The ends. Every change has exactly one.
const (
	Undone  End = iota // the call ended before this change was decided: the next run decides
	Created            // the record is new
	Updated
	Existed // a create found the record already there
	Deleted // users had deleted the record
	Refused // HubSpot refused what the record would say, or fails at it: see [hubspot.IsUnprocessable]
	// NeedsContact says that HubSpot requires a contact of new records, and the
	// gift has none.
	NeedsContact
)

// An Outcome says how one change ended.
type Outcome struct {
	Change   plan.Change
	End      End
	ObjectID string         // of the record; if it was merged, of the one that it is now; "" if unknown
	Found    hubspot.Object // Existed: the record as it was found
	Unlinked bool           // Created: without the links of the change, which are still to be made
	Err      error          // Refused: why; Undone: what HubSpot said of this change, if anything
	Call     *hubspot.Call  // that decided; nil when none did
}

// Create creates records with their links and returns one outcome for each
// change, in order. A record that exists already (an earlier run created it and
// crashed before its commit) is read in full.
//
// The error says why some changes were not decided.
func (r *Records) Create(ctx context.Context, changes []plan.Change) ([]Outcome, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	if err := r.prepare(ctx, changes); err != nil {
		return nil, err
	}
	if err := r.directory.setOwners(ctx, changes); err != nil {
		return nil, err
	}
	in := make([]hubspot.NewObject, len(changes))
	for i, c := range changes {
		in[i].Properties = c.Properties
		for _, l := range c.Links {
			in[i].Links = append(in[i].Links, hubspot.NewLink{ToID: l.ID, Type: r.object.def.Links[l.Kind]})
		}
	}
	answers, err := r.writer.Create(ctx, r.object.TypeID(), KeyProperty, in)
	err = sparing{r, changes, answers, func(at []int) ([]hubspot.Outcome, error) {
		return r.writer.Create(ctx, r.object.TypeID(), KeyProperty, pick(in, at))
	}}.run(err)
	out, err := outcomes(changes, answers, err, func(o *Outcome, a hubspot.Outcome) {
		o.End, o.ObjectID, o.Unlinked = Created, a.Object.ID, a.Unlinked
		if a.Existed {
			o.End, o.Found = Existed, *a.Object
		}
	})
	return out, cmp.Or(err, r.learnRequirement(out))
}

// pick returns the elements at some indexes.
func pick[T any](all []T, at []int) []T {
	some := make([]T, len(at))
	for k, i := range at {
		some[k] = all[i]
	}
	return some
}

// Update writes the properties of changes and returns one outcome for each, in
// order. The error says why some changes were not decided.
func (r *Records) Update(ctx context.Context, changes []plan.Change) ([]Outcome, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	if err := r.prepare(ctx, changes); err != nil {
		return nil, err
	}
	in := make([]hubspot.Patch, len(changes))
	for i, c := range changes {
		in[i] = hubspot.Patch{ID: c.ObjectID, Properties: c.Properties, Key: KeyProperty, Value: c.Gift.ID}
	}
	answers, err := r.writer.Update(ctx, r.object.TypeID(), in)
	err = sparing{r, changes, answers, func(at []int) ([]hubspot.Outcome, error) {
		return r.updateSome(ctx, pick(in, at))
	}}.run(err)
	return outcomes(changes, answers, err, func(o *Outcome, a hubspot.Outcome) {
		o.End, o.ObjectID = Updated, a.Object.ID
	})
}

// updateSome writes patches, of which some may have nothing left to write.
func (r *Records) updateSome(ctx context.Context, in []hubspot.Patch) ([]hubspot.Outcome, error) {
	out := make([]hubspot.Outcome, len(in))
	var at []int
	for i, p := range in {
		if len(p.Properties) > 0 {
			at = append(at, i)
		} else {
			out[i].Object = &hubspot.Object{ID: p.ID}
		}
	}
	if len(at) == 0 {
		return out, nil
	}
	answers, err := r.writer.Update(ctx, r.object.TypeID(), pick(in, at))
	for k, i := range at {
		out[i] = answers[k]
	}
	return out, err
}

// outcomes turns the client's answers into outcomes. done fills in that of a
// record that HubSpot answered for. err is why the call ended early, if it did.
func outcomes(changes []plan.Change, answers []hubspot.Outcome, err error, done func(*Outcome, hubspot.Outcome)) ([]Outcome, error) {
	out := make([]Outcome, len(changes))
	var undecided error
	for i, c := range changes {
		o := &out[i]
		o.Change, o.ObjectID = c, c.ObjectID
		if i >= len(answers) {
			continue
		}
		a := answers[i]
		o.Call = a.Call
		switch {
		case a.Object != nil:
			done(o, a)
		case err != nil:
			o.Err = a.Err
		case IsArchived(a.Err):
			o.End = Deleted
			if id := archivedID(a.Err); c.ObjectID == "" {
				o.ObjectID = id
			}
		case IsGone(a.Err) && c.Action != plan.Create:
			o.End = Deleted
		case c.Action == plan.Create && RequiresContact(a.Err):
			o.End, o.Err = NeedsContact, a.Err
		case IsRefused(a.Err), hubspot.IsUnprocessable(a.Err):
			o.End, o.Err = Refused, a.Err
		case undecided == nil:
			// It ends the run, for the checkpoint must not pass a gift without an end.
			undecided = fmt.Errorf("transaction %s: no outcome that can be recorded: %w", c.Gift.ID, a.Err)
		}
	}
	return out, cmp.Or(err, undecided)
}

// prepare makes the custom object ready to take the changes.
func (r *Records) prepare(ctx context.Context, changes []plan.Change) error {
	for _, c := range changes {
		if c.Ambiguous && len(c.Links) > 0 {
			r.chosen.Ambiguous++
			r.session.Log.Debug("several contacts match the recipient", "transaction", c.Gift.ID)
		}
		if c.DealsCut > 0 {
			r.chosen.Cut++
			r.chosen.LeftOut += c.DealsCut
			r.session.Log.Debug("more open deals than associations.deals.max", "transaction", c.Gift.ID, "left_out", c.DealsCut)
		}
	}
	if err := r.calls.account.Verify(ctx); err != nil {
		return err
	}
	if err := r.object.Find(ctx); err != nil {
		return err
	}
	if err := r.object.Grow(ctx, changes); err != nil {
		return err
	}
	return r.directory.learnStages(ctx, changes)
}
