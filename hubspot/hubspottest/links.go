package hubspottest

import (
	"slices"
	"strings"
)

// The categories of association types.
const (
	hubspotDefined = "HUBSPOT_DEFINED"
	userDefined    = "USER_DEFINED"
)

// A linkType is one kind of association in one direction.
type linkType struct {
	id       int
	category string
	label    string // "" for the unlabelled type
	name     string // as the answers of record reads spell it
	from, to *objectType
	inverse  *linkType
	single   bool // a record has at most one: the primary company
}

// linkKey finds an association type as requests name it.
type linkKey struct {
	category string
	id       int
}

type pairKey struct{ from, to *objectType }

// A link is one association as seen from one of its two records. It is stored
// on both.
type link struct {
	to   *record
	kind *linkType
}

// standardLinks are the type ids that are the same in every portal.
// https://developers.hubspot.com/docs/api-reference/latest/crm/associations/associate-records/guide
var standardLinks = map[[2]string][2][2]int{ // {unlabelled, primary} × {there, back}
	{"contacts", "companies"}: {{279, 280}, {1, 2}},
	{"contacts", "deals"}:     {{4, 3}, {0, 0}},
	{"deals", "companies"}:    {{341, 342}, {5, 6}},
}

// addLinkTypes lets records of a and b be associated. Types that involve a
// custom object get ids of this portal, one per direction.
func (p *Portal) addLinkTypes(a, b *objectType) *linkType {
	if have := p.pairs[pairKey{a, b}]; len(have) > 0 {
		return have[0]
	}
	ids, standard := standardLinks[[2]string{a.name, b.name}]
	there, back := a.singular()+"_to_"+b.singular(), b.singular()+"_to_"+a.singular()
	if !standard {
		return p.addLinkType(a, b, userDefined, [2]int{p.newLinkID(), p.newLinkID()}, [2]string{}, [2]string{there, back})
	}
	suffix := ""
	if ids[1][0] != 0 {
		suffix = "_unlabeled"
	}
	plain := p.addLinkType(a, b, hubspotDefined, ids[0], [2]string{}, [2]string{there + suffix, back + suffix})
	if ids[1][0] != 0 {
		p.addLinkType(a, b, hubspotDefined, ids[1], [2]string{"Primary", "Primary"}, [2]string{there, back}).single = true
	}
	return plain
}

// addLinkType adds one type in both directions and returns a's.
func (p *Portal) addLinkType(a, b *objectType, category string, ids [2]int, labels, names [2]string) *linkType {
	there := &linkType{id: ids[0], category: category, label: labels[0], name: names[0], from: a, to: b}
	back := &linkType{id: ids[1], category: category, label: labels[1], name: names[1], from: b, to: a}
	there.inverse, back.inverse = back, there
	for _, k := range []*linkType{there, back} {
		p.links[linkKey{category, k.id}] = k
		pair := pairKey{k.from, k.to}
		p.pairs[pair] = append(p.pairs[pair], k)
	}
	return there
}

// undefine forgets the types of a pair, in both directions.
func (p *Portal) undefine(pair pairKey) {
	for _, k := range p.pairs[pair] {
		delete(p.links, linkKey{k.category, k.id})
		delete(p.links, linkKey{k.inverse.category, k.inverse.id})
	}
	delete(p.pairs, pair)
	delete(p.pairs, pairKey{pair.to, pair.from})
}

func (p *Portal) newLinkID() int {
	id := p.nextLink
	p.nextLink += 1 + p.rng.IntN(7)
	return id
}

func (t *objectType) singular() string {
	if t.custom {
		return t.name
	}
	return strings.ToLower(t.upper)
}

// linked reports whether the association exists, looking from the side with
// fewer of them: a company may carry a million.
func linked(a, b *record, kind *linkType) bool {
	if len(b.links) < len(a.links) {
		a, b, kind = b, a, kind.inverse
	}
	return slices.Contains(a.links, link{b, kind})
}

// associate links a to b. A labelled association always comes with the
// unlabelled one, and a new primary company replaces the old.
func (p *Portal) associate(a, b *record, kind *linkType) {
	plain := p.unlabelled(kind)
	if kind.single || kind.inverse.single {
		owner, k := a, kind
		if kind.inverse.single {
			owner, k = b, kind.inverse
		}
		for _, l := range slices.Clone(owner.links) {
			if l.kind == k && !linked(a, b, kind) {
				p.unlink(owner, l)
			}
		}
	}
	for _, k := range []*linkType{plain, kind} {
		if !linked(a, b, k) {
			p.companyChanges(a, link{b, k})
			a.links = append(a.links, link{b, k})
			b.links = append(b.links, link{a, k.inverse})
		}
	}
}

// unlink removes one association on both sides.
func (p *Portal) unlink(a *record, l link) {
	p.companyChanges(a, l)
	drop := func(r *record, l link) {
		if i := slices.Index(r.links, l); i >= 0 {
			r.links = slices.Delete(r.links, i, i+1)
		}
	}
	drop(a, l)
	drop(l.to, link{a, l.kind.inverse})
}

// A related record and the types that link to it.
type related struct {
	to    *record
	kinds []*linkType
}

// relatedTo lists the records of type t that r is associated with, in the
// order in which they were linked.
func (r *record) relatedTo(t *objectType) []related {
	var out []related
	at := make(map[*record]int)
	for _, l := range r.links {
		if l.kind.to != t {
			continue
		}
		i, ok := at[l.to]
		if !ok {
			i = len(out)
			at[l.to] = i
			out = append(out, related{to: l.to})
		}
		out[i].kinds = append(out[i].kinds, l.kind)
	}
	return out
}

// full reports whether an administrator's limit forbids another record of the
// other type on either side. More are the ones that either side is about to
// get.
func (p *Portal) full(a, b *record, kind *linkType, moreOfA, moreOfB int) bool {
	atLimit := func(r *record, k *linkType, more int) bool {
		limit, ok := p.linkCaps[pairKey{k.from, k.to}]
		return ok && len(r.relatedTo(k.to))+more >= limit
	}
	return !linked(a, b, p.unlabelled(kind)) && (atLimit(a, kind, moreOfA) || atLimit(b, kind.inverse, moreOfB))
}

// unlabelled is the unlabelled type of the same pair and direction.
func (p *Portal) unlabelled(kind *linkType) *linkType {
	return p.pairs[pairKey{kind.from, kind.to}][0]
}
