package hubspottest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The methods here do what users do on HubSpot's pages. They check only that
// names exist, and panic if one does not, because that is a bug of the caller.

// AddContact adds a contact; email may be "". An address that is taken
// already panics.
func (p *Portal) AddContact(email string, properties map[string]string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := p.add("contacts", with(properties, "email", email))
	p.emit("contacts", "creation", number(id), func(e *event) { e.ChangeFlag = "NEW" })
	return id
}

// AddCompany adds a company.
func (p *Portal) AddCompany(properties map[string]string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add("companies", properties)
}

// AddDeal adds a deal; without a dealstage it is an open one.
func (p *Portal) AddDeal(properties map[string]string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if properties["dealstage"] == "" {
		properties = with(properties, "dealstage", "qualifiedtobuy")
	}
	if properties["pipeline"] == "" {
		properties = with(properties, "pipeline", "default")
	}
	id := p.add("deals", properties)
	p.emit("deals", "creation", number(id), func(e *event) { e.ChangeFlag = "NEW" })
	return id
}

// AddRecord adds a record of any type.
func (p *Portal) AddRecord(objectType string, properties map[string]string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.add(objectType, properties)
}

// AddOwner adds a user who can own records and returns the owner id.
func (p *Portal) AddOwner(email, first, last string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := isoMilli(time.Now().UnixMilli())
	id := fmt.Sprintf("%08d", 10_000_000+len(p.owners))
	p.owners = append(p.owners, owner{
		ID: id, Email: email, Type: "PERSON", FirstName: first, LastName: last,
		UserID: int64(4000 + len(p.owners)), CreatedAt: at, UpdatedAt: at,
	})
	return id
}

// ArchiveOwner takes a user away. The owner is listed among the archived from
// then on, and records keep its id.
func (p *Portal) ArchiveOwner(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.owners {
		if o := &p.owners[i]; o.ID == id {
			o.Archived, o.UpdatedAt = true, isoMilli(time.Now().UnixMilli())
			return
		}
	}
	panic(fmt.Sprintf("hubspottest: the portal has no owner %s", id))
}

// UpdateProperties changes values of a record; "" clears. Additional e-mail
// addresses can be set here, as merges set them.
func (p *Portal) UpdateProperties(objectType, id string, properties map[string]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, r := p.must(objectType, id)
	p.set(t, r, t.slotValues(r, properties), time.Now())
	for _, name := range sortedKeys(properties) {
		value := properties[name]
		p.emit(objectType, "propertyChange", r.id, func(e *event) { e.PropertyName, e.PropertyValue = name, &value })
	}
}

// Archive deletes a record as a person does; it can be restored.
func (p *Portal) Archive(objectType, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, r := p.must(objectType, id)
	p.archive(t, r, time.Now())
	p.emit(objectType, "deletion", r.id, nil)
}

// DeleteForPrivacy deletes a contact for good, as the law asks for. Two events tell
// of it.
func (p *Portal) DeleteForPrivacy(contact string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, r := p.must("contacts", contact)
	p.archive(t, r, time.Now())
	p.remove(t, r)
	p.emit("contacts", "privacyDeletion", r.id, nil)
	p.emit("contacts", "deletion", r.id, nil)
}

// Restore brings an archived record back, without its associations. It
// reports false when another record has taken one of its unique values.
func (p *Portal) Restore(objectType, id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, r := p.must(objectType, id)
	if r.archived == 0 {
		return true
	}
	ok := p.restore(t, r, time.Now())
	if ok {
		p.emit(objectType, "restore", r.id, nil)
	}
	return ok
}

// Merge merges the record other into the record id and returns the id of the
// new, third record.
func (p *Portal) Merge(objectType, id, other string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, a := p.must(objectType, id)
	_, b := p.must(objectType, other)
	if a == b {
		panic("hubspottest: a record cannot be merged with itself")
	}
	both := p.merge(t, a, b, time.Now())
	p.emit(objectType, "merge", a.id, merged(a, b, both))
	return both.idText()
}

// Associate links two records without a label.
func (p *Portal) Associate(fromType, fromID, toType, toID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, a := p.must(fromType, fromID)
	to, b := p.must(toType, toID)
	p.associate(a, b, p.plain(from, to))
	if legacy, other := legacyNames[objectTypeIDs[fromType]], legacyNames[objectTypeIDs[toType]]; other != "" {
		p.emit(fromType, "associationChange", 0, func(e *event) {
			e.AssociationType, e.FromObjectID, e.ToObjectID = strings.ToUpper(legacy+"_TO_"+other), a.id, b.id
		})
	}
}

// Dissociate removes every association between two records.
func (p *Portal) Dissociate(fromType, fromID, toType, toID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, a := p.must(fromType, fromID)
	to, b := p.must(toType, toID)
	p.dropLinks(a, b, to)
}

// AssociateLabelled links two records with a label, which is defined if it
// does not exist, and returns its association type id.
func (p *Portal) AssociateLabelled(fromType, fromID, toType, toID, label string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, a := p.must(fromType, fromID)
	to, b := p.must(toType, toID)
	p.plain(from, to)
	for _, k := range p.pairs[pairKey{from, to}] {
		if k.label == label {
			p.associate(a, b, k)
			return k.id
		}
	}
	k := p.label(from, to, label, "")
	p.associate(a, b, k)
	return k.id
}

// RemoveLabel takes a label off two linked records; they stay linked.
func (p *Portal) RemoveLabel(fromType, fromID, toType, toID, label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, a := p.must(fromType, fromID)
	to, b := p.must(toType, toID)
	for _, k := range p.pairs[pairKey{from, to}] {
		if k.label == label && linked(a, b, k) {
			p.unlink(a, link{b, k})
		}
	}
}

// SetPrimaryCompany makes a company the primary one of a contact.
func (p *Portal) SetPrimaryCompany(contactID, companyID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, a := p.must("contacts", contactID)
	_, b := p.must("companies", companyID)
	p.associate(a, b, p.links[linkKey{hubspotDefined, 1}])
}

// LimitAssociations sets an administrator's limit: how many records of toType
// one record of fromType may be linked to.
func (p *Portal) LimitAssociations(fromType, toType string, most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.linkCaps[pairKey{p.mustType(fromType), p.mustType(toType)}] = most
}

// RequireProperty makes a property required for new records, as the form
// that creates records does. It binds calls of 2026-09 only.
func (p *Portal) RequireProperty(objectType, property string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, rule{t: p.mustType(objectType), requires: property})
}

// RequireAssociation makes an association with a record of another type required
// for new records, as the form that creates records does. It binds calls of
// 2026-09 only.
func (p *Portal) RequireAssociation(objectType, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, rule{t: p.mustType(objectType), linkedTo: p.mustType(to)})
}

// AddConditionalRule makes a property required wherever another one has the
// value given. It binds calls of 2026-09 only.
func (p *Portal) AddConditionalRule(objectType, when, equals, requires string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, rule{t: p.mustType(objectType), when: when, equals: equals, requires: requires})
}

// SetSecondaryByEmail switches [Options.SecondaryByEmail]: whether a batch read by
// e-mail resolves additional addresses, too.
func (p *Portal) SetSecondaryByEmail(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.SecondaryByEmail = on
}

// RenameStage gives a stage of a deal pipeline another label.
func (p *Portal) RenameStage(id, label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stages == nil {
		p.stages = make(map[string]string)
	}
	p.stages[id] = label
}

// ClearRules removes every rule.
func (p *Portal) ClearRules() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// ArchiveProperty deletes a property of a custom object, whether it is in use
// or not.
func (p *Portal) ArchiveProperty(objectType, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustProperty(p.mustType(objectType), name).archived = true
}

// SetOptions replaces the options of an enumeration.
func (p *Portal) SetOptions(objectType, name string, values ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := p.mustProperty(p.mustType(objectType), name)
	pr.Options = nil
	for i, v := range values {
		pr.Options = append(pr.Options, option{Label: v, Value: v, DisplayOrder: i})
	}
}

// SetTier changes the account's subscription.
func (p *Portal) SetTier(t Tier) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.Tier = t
}

// SetToken replaces the accepted token; the old one gets 401 from now on.
func (p *Portal) SetToken(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.Token = token
}

// SetScopes replaces the granted scopes, those of every token.
func (p *Portal) SetScopes(scopes ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.scopes)
	for _, s := range scopes {
		p.scopes[s] = true
	}
	for _, token := range p.grants.access {
		token.install.scopes = p.scopes
	}
	for _, token := range p.grants.refresh {
		token.install.scopes = p.scopes
	}
}

// number returns a record's id as a number.
func number(id string) int64 {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("hubspottest: %q is no id of a record", id))
	}
	return n
}
