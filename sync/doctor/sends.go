package doctor

import (
	"fmt"
	"time"

	"thnks-hubspot-sync/store"
)

// checkSends is what [Sends] looks at: the ledger of a portal that sends gifts.
const checkSends = "sends"

// unknownFor is how long the outcome of a send may be unknown before a person has to
// look: its transaction would mostly have appeared by then.
const unknownFor = 24 * time.Hour

// A Ledger is the ledger of sends of a portal. [*store.Store] is one.
type Ledger interface {
	Sending() (store.Sending, error)
	OpenSends() ([]store.Send, error)
}

// Sends examines the ledger of a portal that may send gifts; portal is its name in the
// configuration. held is why none can be at present, nil where they can.
func Sends(portal string, ledger Ledger, held error, now time.Time) Finding {
	f := Finding{Portal: portal, Check: checkSends, Level: OK}
	sending, err := ledger.Sending()
	var open []store.Send
	if err == nil {
		open, err = ledger.OpenSends()
	}
	if err != nil {
		f.Level, f.What, f.Remedy = Fail, "the ledger cannot be read: "+err.Error(), "see the finding about the state file"
		return f
	}
	of := make(map[store.SendState]int)
	var oldest time.Time
	for _, s := range open {
		of[s.State]++
		if s.State == store.SendUnknown && (oldest.IsZero() || s.When().Before(oldest)) {
			oldest = s.When()
		}
	}
	f.What = fmt.Sprintf("%d scheduled, %d wait for approval, %d of unknown outcome", of[store.SendScheduled], of[store.SendHeld], of[store.SendUnknown])
	switch {
	case sending.Off != "":
		f.Level, f.What = Fail, fmt.Sprintf("sending is off since %s: %s; %s", sending.Since.Format(time.DateTime), sending.Off, f.What)
		f.Remedy = "look in Thnks what was sent meanwhile, resolve what is unknown in `send list`, then turn it on with `send resolve`"
	case held != nil:
		f.Level, f.What = Fail, fmt.Sprintf("nothing is sent: %v; %s", held, f.What)
		f.Remedy = "mend what is named; what waits is sent then"
	case !oldest.IsZero() && now.Sub(oldest) > unknownFor:
		f.Level, f.What = Warn, fmt.Sprintf("%s, the oldest since %s", f.What, oldest.UTC().Format(time.DateTime))
		f.Remedy = "look in Thnks whether they were sent, and say so with `send resolve ID --sent` or `--not-sent`; `send list --open` names them"
	}
	return f
}
