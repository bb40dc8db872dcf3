package portal

import (
	"slices"
	"time"

	"thnks-hubspot-sync/store"
)

// An editor changes the object's definition, or lists how it would be changed.
type editor interface {
	// edit calls do, which returns what it has changed, as the audit calls it. A
	// dry run's editor lists the notes instead. made says whether do was called.
	edit(notes []string, do func() (done []string, err error)) (made bool, err error)
}

// An auditedEditor changes the definition and writes each change into the audit.
type auditedEditor struct{ session Session }

func (e auditedEditor) edit(_ []string, do func() ([]string, error)) (bool, error) {
	done, err := do()
	if len(done) > 0 {
		if auditErr := e.session.Memory.Audit(e.session.schemaEntry(done...)); auditErr != nil {
			return true, auditErr
		}
	}
	return true, err
}

// A reportingEditor is an auditedEditor that also lists the changes for the
// run's report.
type reportingEditor struct {
	audited auditedEditor
	object  *Object
}

func (e reportingEditor) edit(notes []string, do func() ([]string, error)) (bool, error) {
	return e.audited.edit(notes, func() ([]string, error) {
		done, err := do()
		for _, what := range done {
			e.object.note("add " + what)
		}
		return done, err
	})
}

// A notingEditor lists what a dry run would change.
type notingEditor struct{ object *Object }

func (e notingEditor) edit(notes []string, _ func() ([]string, error)) (bool, error) {
	for _, n := range notes {
		e.object.note(n)
	}
	return false, nil
}

// note lists an addition to the definition for the report, once.
func (o *Object) note(what string) {
	if !slices.Contains(o.additions, what) {
		o.additions = append(o.additions, what)
	}
}

// noted reports whether an addition is on the list.
func (o *Object) noted(what string) bool { return slices.Contains(o.additions, what) }

func (s Session) schemaEntry(what ...string) store.AuditEntry {
	return store.AuditEntry{At: time.Now().UTC(), Run: s.Run, Action: ActionSchema, Reasons: what}
}

// Actions of audit entries.
const (
	ActionCreate    = "create"
	ActionUpdate    = "update"
	ActionAssociate = "associate"
	ActionSchema    = "schema"
	ActionRecovered = "recovered" // a run that crashed had written it
	ActionErase     = "erase"     // personal values were removed, as a person asked for
)
