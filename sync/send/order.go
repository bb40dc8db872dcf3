package send

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	"thnks-hubspot-sync/store"
	"thnks-hubspot-sync/sync/plan"
)

// MaxRecipients is how many recipients one order may have.
const MaxRecipients = 50

// An Order asks for one gift to each of some recipients.
type Order struct {
	Request string      `json:"request"` // names the cause: a repeat with the same one sends nothing twice
	Cause   string      `json:"cause"`   // what asks: [Command], or the name of a trigger
	Gift    int64       `json:"gift"`    // Thnks's number of the gift
	Sender  string      `json:"sender"`  // address of the key to send with; "" where the portal has one key
	To      []Recipient `json:"to"`
	Message string      `json:"message"` // a template; see [Fill]
	At      string      `json:"at"`      // when to send; see [ParseAt]; "" for at once

	// Callback is HubSpot's id of the workflow that waits for the outcome.
	Callback string `json:"callback,omitempty"`
}

// Command is the cause of an order from the command line.
const Command = "command"

// A Recipient is who gets a gift.
type Recipient struct {
	Email     string   `json:"email"` // as given
	FirstName string   `json:"first_name,omitempty"`
	LastName  string   `json:"last_name,omitempty"`
	Contact   string   `json:"contact,omitempty"` // HubSpot id of the contact, where the caller knows it
	Company   string   `json:"company,omitempty"` // HubSpot id of a company, where the caller knows it
	Deals     []string `json:"deals,omitempty"`   // HubSpot ids of deals, where the caller knows them
}

// ParseRecipient reads an address, alone or with a name: Bea Smith
// <bea@acme.example>. The last word of the name is the last name.
func ParseRecipient(s string) (Recipient, error) {
	to := Recipient{Email: strings.TrimSpace(s)}
	if strings.ContainsAny(s, `<>"`) {
		a, err := mail.ParseAddress(s)
		if err != nil {
			return to, errors.New(`not an address: write bea@acme.example or "Bea Smith <bea@acme.example>"`)
		}
		to.Email = a.Address
		to.FirstName = strings.TrimSpace(a.Name)
		if i := strings.LastIndex(to.FirstName, " "); i > 0 {
			to.FirstName, to.LastName = strings.TrimSpace(to.FirstName[:i]), to.FirstName[i+1:]
		}
	}
	if _, ok := plan.CanonicalEmail(to.Email); !ok {
		return to, errors.New(`not an address: write bea@acme.example or "Bea Smith <bea@acme.example>"`)
	}
	return to, nil
}

// requestID matches the request ids that callers may choose. It has no dot, which
// the ledger puts before the number of a recipient.
var requestID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)

// sends makes the ledger's entries of an order, with filled messages and without
// a verdict. Its error says what is wrong with the order.
func (o Order) sends(zone *time.Location, now time.Time) ([]store.Send, error) {
	var at time.Time
	if o.At != "" {
		var err error
		if at, err = ParseAt(o.At, zone); err != nil {
			return nil, err
		}
	}
	switch {
	case !requestID.MatchString(o.Request):
		return nil, errors.New("request id: use 1 to 100 letters, digits, dashes and underscores, a letter or digit first")
	case o.Gift <= 0:
		return nil, errors.New("gift: give the number at the end of the gift's address in Thnks")
	case len(o.To) == 0:
		return nil, errors.New("there is no recipient")
	case len(o.To) > MaxRecipients:
		return nil, fmt.Errorf("%d recipients: an order may have %d", len(o.To), MaxRecipients)
	}
	known := make(map[string]bool)
	sends := make([]store.Send, len(o.To))
	for i, to := range o.To {
		canonical, ok := plan.CanonicalEmail(to.Email)
		if !ok {
			return nil, fmt.Errorf("recipient %d has no usable e-mail address", i+1)
		}
		if known[canonical] {
			return nil, fmt.Errorf("recipient %d is named twice", i+1)
		}
		known[canonical] = true
		message, err := Fill(o.Message, map[string]string{"first_name": to.FirstName, "last_name": to.LastName, "email": to.Email})
		if err != nil {
			return nil, fmt.Errorf("message to recipient %d: %w", i+1, err)
		}
		sends[i] = store.Send{
			ID: store.SendID(o.Request, i+1, len(o.To)), Request: o.Request, Cause: cmp.Or(o.Cause, Command),
			Gift: o.Gift, Sender: CanonicalSender(o.Sender), Recipient: spelled(to.Email, canonical), FirstName: to.FirstName, LastName: to.LastName, Message: message,
			Contact: to.Contact, Company: to.Company, Deals: to.Deals, Callback: o.Callback,
			State: store.SendScheduled, Created: now, At: at,
			Digest: digest(strconv.FormatInt(o.Gift, 10), CanonicalSender(o.Sender), canonical, message, at.Format(time.RFC3339)),
		}
	}
	return sends, nil
}

// spelled is an address as it is sent to: as it was given where that is the
// canonical form but for upper case, and else the canonical form, which is what the
// guards judge.
func spelled(given, canonical string) string {
	if strings.ToLower(given) == canonical {
		return given
	}
	return canonical
}

// CanonicalSender is the form in which senders are compared: the canonical address,
// or the text as it is where it is none.
func CanonicalSender(address string) string {
	if canonical, ok := plan.CanonicalEmail(address); ok {
		return canonical
	}
	return address
}

// digest hashes parts with their lengths, so that no two lists are hashed as the
// same bytes.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
