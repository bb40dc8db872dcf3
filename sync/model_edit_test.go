package sync_test

import (
	"fmt"
	"slices"
	"strings"

	"thnks-hubspot-sync/hubspot/hubspottest"
	"thnks-hubspot-sync/thnksapi/thnksapitest"
)

// A weighted is something to do, and how likely that is beside others.
type weighted struct {
	weight int
	name   string
	do     func()
}

// act does one thing that people or Thnks may do.
func (m *model) act() { m.oneOf(append(m.edits(), weighted{6, "Thnks: tick", m.tick})) }

// edits are what people may do in the portal.
func (m *model) edits() []weighted {
	return []weighted{
		{6, "people: contact created", m.createContact},
		{4, "people: contacts merged", m.mergeContacts},
		{3, "people: companies merged", m.mergeCompanies},
		{2, "people: gifts merged", m.mergeGifts},
		{3, "people: contact deleted", m.deleteContact},
		{1, "people: gift deleted", m.deleteGift},
		{8, "people: deal moved", m.moveDeal},
		{5, "people: deal created", m.createDeal},
		{5, "people: deal relabelled", m.relabel},
		{5, "people: link removed", m.unlink},
		{5, "people: link made", m.linkByHand},
		{4, "people: address changed", m.changeEmail},
		{4, "people: primary company changed", m.changePrimary},
	}
}

func (m *model) oneOf(acts []weighted) {
	total := 0
	for _, a := range acts {
		total += a.weight
	}
	n := m.rng.IntN(total)
	for _, a := range acts {
		if n -= a.weight; n < 0 {
			before := len(m.history)
			if a.do(); len(m.history) > before { // otherwise there was nothing to do it to
				m.struck.add(a.name)
			}
			return
		}
	}
}

func (m *model) tick() {
	added, changed := m.Thnks.Tick(m.rng)
	m.note("Thnks: gifts %v added, %v changed", added, changed)
}

// any returns a record of a type, "" when there is none.
func (m *model) any(kind string) string {
	var ids []string
	for r := range m.Portal.Records(kind) {
		ids = append(ids, r.ID)
	}
	if len(ids) == 0 {
		return ""
	}
	return ids[m.rng.IntN(len(ids))]
}

// contact returns a contact; one is created where there is none.
func (m *model) contact() string {
	if id := m.any("contacts"); id != "" {
		return id
	}
	return m.Portal.AddContact(m.name()+"@elsewhere.example", nil)
}

func (m *model) name() string {
	m.names++
	return fmt.Sprintf("n%d", m.names)
}

// free returns a recipient's address that no contact has, or a stranger's.
func (m *model) free() string {
	taken := make(map[string]bool)
	for _, a := range m.held {
		taken[a] = true
	}
	for c := range m.Portal.Records("contacts") {
		for _, a := range addressesOf(c) {
			taken[a] = true
		}
	}
	all := slices.DeleteFunc(m.recipients(), func(a string) bool { return taken[a] })
	if len(all) == 0 || m.rng.IntN(8) == 0 {
		return m.name() + "@elsewhere.example"
	}
	return all[m.rng.IntN(len(all))]
}

func addressesOf(c hubspottest.Record) []string {
	return append(strings.Split(c.Properties["hs_additional_emails"], ";"), c.Properties["email"])
}

func (m *model) recipients() []string {
	all := thnksapitest.Recipients(m.Thnks.Transactions())
	return union(all)
}

func (m *model) createContact() {
	address, more := m.free(), ""
	if m.rng.IntN(3) == 0 {
		// A longer address with the same words is no match.
		address, more = m.name()+"@elsewhere.example", "x."+address+";"+address
	}
	id := m.Portal.AddContact(address, map[string]string{"hs_additional_emails": more})
	m.note("contact %s created: %s, also %s", id, address, more)
	if m.rng.IntN(3) > 0 {
		m.employ(id)
	}
	for range m.rng.IntN(4) {
		m.tie(id, m.Portal.AddDeal(map[string]string{"dealstage": m.stage()}), m.rng.IntN(2) == 0)
	}
}

func (m *model) employ(contact string) {
	company := m.any("companies")
	if company == "" || m.rng.IntN(2) == 0 {
		company = m.Portal.AddCompany(map[string]string{"name": m.name()})
	}
	m.Portal.SetPrimaryCompany(contact, company)
	m.note("contact %s works for company %s", contact, company)
}

func (m *model) stage() string {
	return []string{"qualifiedtobuy", "contractsent", "closedwon", "closedlost"}[m.rng.IntN(4)]
}

func (m *model) tie(contact, deal string, labelled bool) {
	if labelled {
		m.Portal.AssociateLabelled("contacts", contact, "deals", deal, modelLabel)
	} else {
		m.Portal.Associate("contacts", contact, "deals", deal)
	}
	r, _ := m.Portal.Record("deals", deal)
	m.note("contact %s tied to deal %s (%s), labelled %v", contact, deal, r.Properties["dealstage"], labelled)
}

func (m *model) mergeContacts()  { m.merge("contacts") }
func (m *model) mergeCompanies() { m.merge("companies") }

func (m *model) merge(kind string) {
	a, b := m.any(kind), m.any(kind)
	if a != b {
		m.note("%s %s and %s merged into %s", kind, a, b, m.Portal.Merge(kind, a, b))
	}
}

func (m *model) mergeGifts() {
	a, b := m.any("thnks"), m.any("thnks")
	if a == b {
		return
	}
	ra, _ := m.Portal.Record("thnks", a)
	rb, _ := m.Portal.Record("thnks", b)
	stays, goes := m.gifts[ra.Properties["thnks_transaction_id"]], m.gifts[rb.Properties["thnks_transaction_id"]]
	for kind, ids := range goes.known {
		stays.known[kind] = union(stays.known[kind], ids)
		stays.others[kind] = union(stays.others[kind], ids)
	}
	stays.mixed, goes.gone = true, true
	m.note("gift %s merged into %s as %s", rb.Properties["thnks_transaction_id"], ra.Properties["thnks_transaction_id"], m.Portal.Merge("thnks", a, b))
}

func (m *model) deleteContact() {
	if id := m.any("contacts"); id != "" {
		if c, _ := m.Portal.Record("contacts", id); m.archivedHold {
			m.held = append(m.held, addressesOf(c)...)
		}
		m.Portal.Archive("contacts", id)
		m.note("contact %s deleted", id)
	}
}

func (m *model) deleteGift() {
	id := m.any("thnks")
	if id == "" {
		return
	}
	r, _ := m.Portal.Record("thnks", id)
	m.gifts[r.Properties["thnks_transaction_id"]].gone = true
	m.Portal.Archive("thnks", id)
	m.note("gift %s deleted", r.Properties["thnks_transaction_id"])
}

func (m *model) moveDeal() {
	if id := m.any("deals"); id != "" {
		stage := m.stage()
		m.Portal.UpdateProperties("deals", id, map[string]string{"dealstage": stage})
		m.note("deal %s moved to %s", id, stage)
	}
}

func (m *model) createDeal() {
	m.tie(m.contact(), m.Portal.AddDeal(map[string]string{"dealstage": m.stage()}), m.rng.IntN(2) == 0)
}

// relabel gives one of a contact's deals the label, or takes it off.
func (m *model) relabel() {
	contact := m.contact()
	deals := m.Portal.Links("contacts", contact)["deals"]
	if len(deals) == 0 {
		return
	}
	l := deals[m.rng.IntN(len(deals))]
	if len(l.Types) > 1 {
		m.Portal.RemoveLabel("contacts", contact, "deals", l.ToID, modelLabel)
		m.note("contact %s and deal %s: label removed", contact, l.ToID)
		return
	}
	m.tie(contact, l.ToID, true)
}

// unlink removes a link from a gift.
func (m *model) unlink() {
	gift, kind := m.any("thnks"), []string{"contacts", "companies", "deals", "deals"}[m.rng.IntN(4)]
	if gift == "" {
		return
	}
	r, _ := m.Portal.Record("thnks", gift)
	links := m.Portal.Links("thnks", gift)[kind]
	if len(links) == 0 {
		return
	}
	to := links[m.rng.IntN(len(links))].ToID
	m.Portal.Dissociate("thnks", gift, kind, to)
	m.note("gift %s unlinked from %s %s", r.Properties["thnks_transaction_id"], kind, to)
}

// linkByHand links a gift; to a contact as a rule only where it has none.
func (m *model) linkByHand() {
	gift, kind := m.any("thnks"), []string{"contacts", "contacts", "companies", "deals"}[m.rng.IntN(4)]
	to := m.any(kind)
	if gift == "" || to == "" || kind == "contacts" && len(m.Portal.Links("thnks", gift)[kind]) > 0 && m.rng.IntN(6) > 0 {
		return
	}
	r, _ := m.Portal.Record("thnks", gift)
	m.Portal.Associate("thnks", gift, kind, to)
	m.note("gift %s linked by hand to %s %s", r.Properties["thnks_transaction_id"], kind, to)
}

func (m *model) changeEmail() {
	id, address := m.contact(), m.free()
	m.Portal.UpdateProperties("contacts", id, map[string]string{"email": address})
	m.note("contact %s has the address %s now", id, address)
}

func (m *model) changePrimary() { m.employ(m.contact()) }
