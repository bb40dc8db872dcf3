package hubspot

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// The properties of a contact that hold its addresses.
const (
	emailProperty      = "email"
	additionalProperty = "hs_additional_emails" // separated by ";"
)

// A ContactsOutcome is what [Client.ContactsByEmail] found for one address.
// Both fields are nil when no contact has it.
type ContactsOutcome struct {
	Found []Object // by id, lowest first; seldom more than one
	// Err is an [*Error] for an address that HubSpot refused, or the error
	// that ended the call before it was tried.
	Err error
}

// ContactsByEmail returns, for each address, the contacts whose email or an
// element of whose hs_additional_emails it is. The addresses must be lower case,
// as HubSpot stores them. HubSpot does not document whether it looks at the
// additional ones, so a contact may be missed by such an address; nor does it
// look for other spellings of letters and domains, but a contact that comes back
// is returned for each of the addresses that is one of its own in any spelling.
//
// The error is not nil when the call ended early; then every address that was
// not looked up holds it.
//
// D/api-reference/latest/crm/objects/contacts/guide
func (c *Client) ContactsByEmail(ctx context.Context, addresses, properties []string) ([]ContactsOutcome, error) {
	r := objectRead{objectType: "contacts", key: emailProperty, properties: withAddresses(properties)}
	unique, of := distinct(addresses)
	out := make(outcomes, len(unique))
	found := contactIndex{byID: make(map[string]*Object)}
	send := func(ctx context.Context, in []int) (*refusal, error) {
		if in = out.refuseUnnamed(unique, in); len(in) == 0 {
			return nil, nil
		}
		a, call, err := c.postRead(ctx, r, pick(unique, in))
		if err != nil {
			return refused(in, call, err)
		}
		found.add(a.Results)
		by := named(in, func(i int) string { return unique[i] })
		stray := by.match(a.Errors, call, func(i int, e *Error) {
			if e.Kind != NotFound {
				out.refuse(i, &refusal{err: e, call: call})
			}
		})
		// The contacts are matched when all answers have arrived. Until then
		// every address without an error stays open.
		rest := out.undecided(in)
		if stray != nil && stray.Kind != NotFound && len(rest) > 0 {
			return &refusal{in: rest, err: stray, call: call}, nil
		}
		for _, i := range rest {
			out[i].Call = call
		}
		return nil, nil
	}
	err := batch{size: BatchSize, out: out, kind: r.kind(), name: namesOf(r.objectType, unique), send: send}.run(ctx, indexes(unique))

	return join(addresses, found.by(addressesOf), out.perInput(of, err)), err
}

// join gives every address the contacts found for it, or else its error.
func join(addresses []string, found map[string][]Object, out []Outcome) []ContactsOutcome {
	all := make([]ContactsOutcome, len(addresses))
	for i, address := range addresses {
		all[i].Found = found[addressKey(address)]
		if all[i].Found == nil {
			all[i].Err = out[i].Err
		}
	}
	return all
}

// withAddresses returns the properties and those that hold addresses.
func withAddresses(properties []string) []string {
	properties = slices.Clone(properties)
	for _, p := range []string{emailProperty, additionalProperty} {
		if !slices.Contains(properties, p) {
			properties = append(properties, p)
		}
	}
	return properties
}

// A contactIndex collects the contacts of all answers of a call. They are matched
// to the addresses only at the end, so it does not matter which request returned
// a contact.
type contactIndex struct {
	mu   sync.Mutex
	byID map[string]*Object
}

func (x *contactIndex) add(results []wireObject) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for k := range results {
		o := results[k].object()
		x.byID[o.ID] = o
	}
}

// by returns the contacts by each of the addresses that of returns for them.
func (x *contactIndex) by(of func(*Object) []string) map[string][]Object {
	contacts := make([]*Object, 0, len(x.byID))
	for _, o := range x.byID {
		contacts = append(contacts, o)
	}
	slices.SortFunc(contacts, func(a, b *Object) int { return compareIDs(a.ID, b.ID) })
	found := make(map[string][]Object)
	for _, o := range contacts {
		for _, address := range of(o) {
			found[address] = append(found[address], *o)
		}
	}
	return found
}

// addressesOf returns the contact's addresses, each once.
func addressesOf(o *Object) []string {
	return asStored(append(strings.Split(o.Properties[additionalProperty], ";"), o.Properties[emailProperty]))
}

// additionalOf returns the contact's addresses besides its primary one.
func additionalOf(o *Object) []string {
	return asStored(strings.Split(o.Properties[additionalProperty], ";"))
}

// asStored returns the keys of the addresses, each once.
func asStored(all []string) []string {
	for i, a := range all {
		all[i] = addressKey(a)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.DeleteFunc(all, func(a string) bool { return a == "" })
}

// addressKey is what the addresses of answers are joined with those asked for
// by: lower case, composed, the domain in ASCII. HubSpot may answer in another
// spelling than it was asked in.
func addressKey(address string) string {
	address = norm.NFC.String(strings.ToLower(strings.TrimSpace(address)))
	local, domain, found := strings.Cut(address, "@")
	if !found {
		return address
	}
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = ascii
	}
	return local + "@" + domain
}

// compareIDs orders record ids, which are decimal numbers, by value.
func compareIDs(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}
