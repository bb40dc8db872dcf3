package portal

import (
	"slices"

	"thnks-hubspot-sync/hubspot"
	"thnks-hubspot-sync/sync/plan"
)

// maxGiven bounds the addresses whose spellings as given are kept for a run: they
// are rare, and those that follow from the canonical one are asked for anyway.
const maxGiven = 10_000

// Given takes note of how the source spells an address, where that does not
// follow from its canonical form: HubSpot may have it from the same hand.
func (d *Directory) Given(address, canonical string) {
	given := plan.Spellings(address)
	if len(given) < 2 || len(d.given) >= maxGiven {
		return
	}
	known := append(plan.Spellings(canonical), d.given[canonical]...)
	for _, s := range given {
		if slices.Contains(known, s) {
			continue
		}
		if d.given == nil {
			d.given = make(map[string][]string)
		}
		d.given[canonical] = append(d.given[canonical], s)
	}
}

// A question is addresses in all spellings that HubSpot may know them by.
type question struct {
	spellings []string
	first     []int // of each address, the index of its first spelling; the last is their number
}

// spell returns the question for canonical addresses.
func (d *Directory) spell(addresses []string) question {
	q := question{spellings: make([]string, 0, len(addresses)), first: make([]int, 0, len(addresses)+1)}
	for _, a := range addresses {
		q.first = append(q.first, len(q.spellings))
		q.spellings = append(append(q.spellings, plan.Spellings(a)...), d.given[a]...)
	}
	q.first = append(q.first, len(q.spellings))
	return q
}

// of returns the question for the addresses with these indexes.
func (q question) of(indexes []int) question {
	part := question{first: make([]int, 0, len(indexes)+1)}
	for _, i := range indexes {
		part.first = append(part.first, len(part.spellings))
		part.spellings = append(part.spellings, q.spellings[q.first[i]:q.first[i+1]]...)
	}
	part.first = append(part.first, len(part.spellings))
	return part
}

// join returns one outcome for each address: what was found for any of its
// spellings, and an error where HubSpot refused them all.
func (q question) join(answers []hubspot.ContactsOutcome) []hubspot.ContactsOutcome {
	joined := make([]hubspot.ContactsOutcome, len(q.first)-1)
	for i := range joined {
		of := answers[q.first[i]:q.first[i+1]]
		if len(of) == 1 {
			joined[i] = of[0]
			continue
		}
		refused := 0
		for _, o := range of {
			if o.Err != nil {
				joined[i].Err = o.Err
				refused++
			}
			for _, c := range o.Found {
				if !slices.ContainsFunc(joined[i].Found, func(have hubspot.Object) bool { return have.ID == c.ID }) {
					joined[i].Found = append(joined[i].Found, c)
				}
			}
		}
		if refused < len(of) {
			joined[i].Err = nil
		}
	}
	return joined
}
