package hubspottest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// contactsPerCompany is how many contacts [Portal.Populate] gives a company.
const contactsPerCompany = 4

// A Population says how many of a list of addresses the portal knows, and what else
// it has. Shares are between 0 and 1.
type Population struct {
	Matched     float64       // share of the addresses that belong to a contact
	Secondary   float64       // share of those that the contact has as an additional address only
	WithCompany float64       // share of the contacts that have a primary company
	DealsPer    int           // deals of each contact
	OpenDeals   float64       // share of the deals that are open
	Further     int           // contacts more, of other addresses, each with an additional one
	Age         time.Duration // how long ago all of it was made
	Seed        uint64
}

// Populated counts what Populate made.
type Populated struct {
	Contacts, Secondary, Companies, Deals, OpenDeals int
}

// Populate adds contacts for a share of the addresses, with companies and
// deals. Addresses are lower-cased; empty and invalid ones, duplicates and those
// of existing contacts are skipped.
func (p *Portal) Populate(emails []string, pop Population) Populated {
	g := &populator{p: p, pop: pop, made: time.Now().Add(-pop.Age), rng: rand.New(rand.NewPCG(pop.Seed, 1)), fake: gofakeit.New(pop.Seed + 1)}
	for _, e := range emails {
		e = strings.ToLower(strings.TrimSpace(e))
		if plausibleEmail(e) && g.rng.Float64() < pop.Matched {
			g.contact(e)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range pop.Further {
		g.counts.Contacts++
		g.add("contacts", map[string]string{
			"email": fmt.Sprintf("further%d@example.org", i), "hs_additional_emails": fmt.Sprintf("second%d@example.org", i),
		})
	}
	return g.counts
}

type populator struct {
	p       *Portal
	pop     Population
	rng     *rand.Rand
	fake    *gofakeit.Faker
	company string // the one being filled
	name    string
	members int
	made    time.Time
	counts  Populated
}

func (g *populator) add(objectType string, properties map[string]string) string {
	return g.p.addAt(objectType, properties, g.made)
}

func (g *populator) contact(email string) {
	p := g.p
	p.mu.Lock()
	defer p.mu.Unlock()
	contacts := p.byName["contacts"]
	main, more := contacts.properties["email"], contacts.properties["hs_additional_emails"]
	if main.index[email] != nil || more.index[email] != nil {
		return
	}
	props := map[string]string{"email": email, "firstname": g.fake.FirstName(), "lastname": g.fake.LastName()}
	if g.rng.Float64() < g.pop.Secondary {
		local, domain, _ := strings.Cut(email, "@")
		props["email"], props["hs_additional_emails"] = fmt.Sprintf("%s.%d@main.%s", local, g.counts.Contacts, domain), email
		g.counts.Secondary++
	}
	id := g.add("contacts", props)
	g.counts.Contacts++
	_, person := p.must("contacts", id)
	var company *record
	if g.rng.Float64() < g.pop.WithCompany {
		company = g.employer()
		p.associate(person, company, p.links[linkKey{hubspotDefined, 1}])
	}
	for n := range g.pop.DealsPer {
		g.deal(person, company, n)
	}
}

// employer is the company that takes the next contact.
func (g *populator) employer() *record {
	if g.company == "" || g.members == contactsPerCompany {
		g.name = g.fake.Company()
		domain := strings.ToLower(strings.Join(strings.FieldsFunc(g.name, func(r rune) bool { return r < 'A' || r > 'z' }), "-")) + ".example"
		g.company = g.add("companies", map[string]string{"name": g.name, "domain": domain})
		g.members = 0
		g.counts.Companies++
	}
	g.members++
	_, r := g.p.must("companies", g.company)
	return r
}

func (g *populator) deal(person, company *record, n int) {
	stages := pipelines[0].stages
	stage := stages[g.rng.IntN(5)].id
	if g.rng.Float64() < g.pop.OpenDeals {
		g.counts.OpenDeals++
	} else {
		stage = stages[5+g.rng.IntN(2)].id
	}
	name := g.name
	if company == nil {
		name = g.fake.Company()
	}
	id := g.add("deals", map[string]string{
		"dealname": fmt.Sprintf("%s #%d", name, n+1), "pipeline": pipelines[0].id, "dealstage": stage,
		"amount":    fmt.Sprintf("%d.00", 100*(1+g.rng.IntN(2000))),
		"closedate": isoMilli(time.Now().AddDate(0, 0, g.rng.IntN(180)).UnixMilli()),
	})
	g.counts.Deals++
	_, deal := g.p.must("deals", id)
	g.p.associate(person, deal, g.p.plain(g.p.byName["contacts"], g.p.byName["deals"]))
	if company != nil {
		g.p.associate(deal, company, g.p.plain(g.p.byName["deals"], g.p.byName["companies"]))
	}
}
