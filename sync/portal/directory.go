package portal

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// Contacts is what a [Directory] asks of HubSpot.
type Contacts interface {
	ContactsByEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error)
	ContactsByAdditionalEmail(ctx context.Context, addresses, properties []string) ([]hubspot.ContactsOutcome, error)
	ContactsWithAdditionalEmail(ctx context.Context, after string, since time.Time, properties []string) (hubspot.SearchPage, error)
	Read(ctx context.Context, objectType string, ids, properties []string) ([]hubspot.Outcome, error)
	Get(ctx context.Context, objectType, id string, properties []string, archived bool) (*hubspot.Object, error)
	Associated(ctx context.Context, fromType, toType string, ids []string) ([]hubspot.RelatedOutcome, error)
	AssociationTypes(ctx context.Context, fromType, toType string) ([]hubspot.LabelledType, error)
	OpenDeals(ctx context.Context, after string, properties []string) (hubspot.SearchPage, error)
	ChangedDeals(ctx context.Context, since time.Time, properties []string) (hubspot.DealChanges, error)
	Owners(context.Context) ([]hubspot.Owner, error)
	Pipelines(ctx context.Context, objectType string) ([]hubspot.Pipeline, error)
}

var (
	contactProperties = []string{"email", "hs_additional_emails", "associatedcompanyid", "createdate"}
	dealProperties    = []string{"dealstage", "amount", "createdate", "hs_is_closed"}
)

// lookupRound is how many addresses are looked up together: ten full batches
// of contacts, whose deals then fill one association read.
const lookupRound = hubspot.AssociationReadSize

// A Directory finds people: the contact, company and open deals behind an
// e-mail address, asking HubSpot once a run and address, and the user who owns
// a sender's records.
type Directory struct {
	conn       *Connection
	session    Session
	contacts   door[Contacts]
	index      door[Index]
	cache      *cache
	additional *additional         // nil before the first search
	seen       witnesses           // of what a listing of additional addresses has to show
	given      map[string][]string // addresses in spellings that do not follow from the canonical one
	refused    map[string]bool     // addresses that HubSpot would not look up in this run
	broken     map[string]error    // addresses at which HubSpot fails in this run, and how
	owners     owners
	deals      openDeals
	staged     bool // deal stages were read in this run
}

// LookUp finds everyone in need. The last round is filled up from the addresses
// in ahead, which the next window will need, so that batches are full. All
// addresses are canonical.
func (d *Directory) LookUp(ctx context.Context, need, ahead []string) (plan.Directory, error) {
	who := make(plan.Directory, len(need))
	var ask, listed []string
	asked := make(map[string]bool, len(need))
	for _, a := range need {
		if asked[a] {
			continue
		}
		asked[a] = true
		if m, ok := d.cache.get(a); ok && d.broken[a] == nil {
			who[a] = m.Match
			if m.listed {
				listed = append(listed, a)
			}
		} else if d.broken[a] == nil {
			ask = append(ask, a)
		}
	}
	for _, a := range ahead {
		if len(ask)%lookupRound == 0 {
			break
		}
		if asked[a] {
			continue
		}
		asked[a] = true
		if _, ok := d.cache.get(a); !ok && d.broken[a] == nil {
			ask = append(ask, a)
		}
	}
	for len(ask) > 0 {
		n := min(lookupRound, len(ask))
		if err := d.lookUpRound(ctx, ask[:n], who); err != nil {
			return nil, err
		}
		ask = ask[n:]
	}
	if d.deals.pending { // it is not known yet whose the listed deals are
		return who, nil
	}
	return who, d.addDeals(ctx, who, listed)
}

// lookUpRound looks up at most lookupRound addresses.
func (d *Directory) lookUpRound(ctx context.Context, addresses []string, who plan.Directory) error {
	p, err := d.find(ctx, addresses)
	if err != nil {
		return err
	}
	return d.settle(ctx, p, nil, who)
}

// find finds the contacts of at most lookupRound addresses.
func (d *Directory) find(ctx context.Context, addresses []string) (*picked, error) {
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return nil, err
	}
	q := d.spell(addresses)
	found, err := client.ContactsByEmail(ctx, q.spellings, contactProperties)
	if err != nil {
		return nil, fmt.Errorf("looking contacts up: %w", err)
	}
	return d.pick(addresses, q.join(found), false), nil
}

// picked are the contacts that were picked for addresses.
type picked struct {
	addresses []string
	matches   []plan.Match     // one for each address, without deals
	contacts  []plan.Candidate // each once
	searched  bool             // among secondary addresses
}

// ids returns the ids of the contacts.
func (p *picked) ids() []string {
	ids := make([]string, len(p.contacts))
	for i, c := range p.contacts {
		ids[i] = c.ID
	}
	return ids
}

// pick picks one of the contacts found for each address.
func (d *Directory) pick(addresses []string, found []hubspot.ContactsOutcome, searched bool) *picked {
	p := &picked{addresses: addresses, matches: make([]plan.Match, len(addresses)), searched: searched}
	seen := make(map[string]bool)
	for i, outcome := range found {
		if hubspot.IsUnprocessable(outcome.Err) && !searched {
			d.setBroken(addresses[i], outcome.Err)
			continue
		}
		if outcome.Err != nil {
			// HubSpot will not look this address up, so nothing can match it.
			d.session.Log.Warn("address refused by HubSpot", "error", outcome.Err)
			if !searched {
				d.refused[addresses[i]] = true
			}
			continue
		}
		candidates := make([]plan.Candidate, len(outcome.Found))
		for k, o := range outcome.Found {
			candidates[k] = candidate(o)
			if !searched {
				d.seen.note(o)
			}
		}
		p.matches[i] = plan.Choose(addresses[i], candidates)
		if k := slices.IndexFunc(candidates, func(c plan.Candidate) bool { return c.ID == p.matches[i].ID }); k >= 0 && !seen[p.matches[i].ID] {
			seen[p.matches[i].ID] = true
			p.contacts = append(p.contacts, candidates[k])
		}
	}
	if !searched {
		d.deals.count(p)
	}
	return p
}

// settle reads the open deals of the contacts that were picked, where they are not
// known to be related, and adds who was found to the directory.
func (d *Directory) settle(ctx context.Context, p *picked, related *relatedDeals, who plan.Directory) error {
	found, err := d.deals.find(ctx, p.contacts, related)
	if err != nil {
		return fmt.Errorf("looking deals up: %w", err)
	}
	for i, a := range p.addresses {
		m := p.matches[i]
		if err := found.failed[m.ID]; err != nil {
			d.setBroken(a, err)
		}
		if d.broken[a] != nil {
			continue
		}
		m.Deals = found.of[m.ID]
		d.cache.put(a, cachedMatch{Match: m, searched: p.searched, listed: found.told[m.ID]})
		who[a] = m
	}
	return nil
}

// Broken returns how HubSpot failed when it was asked for the contact of an address,
// or for the contact's deals, and nil if it did not: it is unknown then who that is.
// Such an address is not in the directory.
func (d *Directory) Broken(address string) error { return d.broken[address] }

func (d *Directory) setBroken(address string, err error) {
	if d.broken == nil {
		d.broken = make(map[string]error)
	}
	d.broken[address] = err
}

func candidate(o hubspot.Object) plan.Candidate {
	c := plan.Candidate{
		ID:      o.ID,
		Email:   o.Properties["email"],
		Company: o.Properties["associatedcompanyid"],
		Created: created(o),
		Changed: o.UpdatedAt,
	}
	if s := o.Properties["hs_additional_emails"]; s != "" {
		c.Additional = strings.Split(s, ";")
	}
	return c
}

// created is when the record was made: its createdate, which users may import,
// and otherwise HubSpot's own stamp.
func created(o hubspot.Object) time.Time {
	if t, err := time.Parse(time.RFC3339, o.Properties["createdate"]); err == nil {
		return t
	}
	return o.CreatedAt
}

// Forget makes the directory ask HubSpot again for the people that it knows.
func (d *Directory) Forget() { d.cache = newCache(d.cache.most) }

// Contacts reads contacts by their ids. A contact that was merged into another
// is returned under its old id. One that is gone is absent. failed are those at
// which HubSpot fails, and how.
func (d *Directory) Contacts(ctx context.Context, ids []string) (contacts map[string]plan.Candidate, failed map[string]error, err error) {
	found, failed, err := d.current(ctx, plan.Contact, ids, contactProperties)
	if err != nil {
		return nil, nil, err
	}
	contacts = make(map[string]plan.Candidate, len(found))
	for id, o := range found {
		contacts[id] = candidate(*o)
	}
	return contacts, failed, nil
}

// Companies returns, by the ids that companies had, those that they have now.
// One that is gone is absent. failed are those at which HubSpot fails, and how.
func (d *Directory) Companies(ctx context.Context, ids []string) (now map[string]string, failed map[string]error, err error) {
	found, failed, err := d.current(ctx, plan.Company, ids, nil)
	if err != nil {
		return nil, nil, err
	}
	now = make(map[string]string, len(found))
	for id, o := range found {
		now[id] = o.ID
	}
	return now, failed, nil
}

// A Naming names records by their ids.
type Naming struct{ Contacts, Companies, Deals []string }

// Named are the records of a [Naming], by the ids that it has for them. One that is
// gone, or at which HubSpot fails, is absent.
type Named struct {
	Contacts  map[string]plan.Match // with their companies and open deals
	Companies map[string]string     // the ids that they have now
	Deals     map[string]plan.OpenDeal
}

// ReadNamed has the directory read records by their ids. Deals need not be open.
func ReadNamed(ctx context.Context, d *Directory, n Naming) (Named, error) {
	named := Named{Contacts: make(map[string]plan.Match), Deals: make(map[string]plan.OpenDeal)}
	contacts, _, err := d.Contacts(ctx, n.Contacts)
	if err != nil {
		return Named{}, fmt.Errorf("reading contacts that were named: %w", err)
	}
	open, failed, err := d.OpenDeals(ctx, slices.Collect(maps.Values(contacts)))
	if err != nil {
		return Named{}, fmt.Errorf("looking deals up: %w", err)
	}
	for id, c := range contacts {
		if failed[c.ID] == nil {
			named.Contacts[id] = plan.Match{ID: c.ID, Company: c.Company, Deals: open[c.ID]}
		}
	}
	if named.Companies, _, err = d.Companies(ctx, n.Companies); err != nil {
		return Named{}, fmt.Errorf("reading companies that were named: %w", err)
	}
	deals, _, err := d.current(ctx, plan.Deal, n.Deals, dealProperties)
	if err != nil {
		return Named{}, fmt.Errorf("reading deals that were named: %w", err)
	}
	for id, o := range deals {
		named.Deals[id] = openDeal(*o)
	}
	return named, nil
}

func (d *Directory) current(ctx context.Context, kind plan.Kind, ids, properties []string) (found map[string]*hubspot.Object, failed map[string]error, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	client, err := d.contacts.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	return current(ctx, client, ObjectTypes[kind], ids, properties)
}
