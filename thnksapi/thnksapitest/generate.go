package thnksapitest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"
)

// Data says what to generate. The same Data gives the same transactions.
type Data struct {
	Seed uint64
	N    int // transactions
	// Recipients is how many distinct addresses they go to; default N/5, at
	// least 1. All of them occur when N is at least as large.
	Recipients int
	Senders    int       // default 8
	Start, End time.Time // first creation, and the present; default two years before End, and time.Now
	// Ugly makes every fourth transaction awkward in one way or another. A
	// few of those have no id, and some no valid address.
	Ugly bool
	// Late makes one transaction in fifty visible only so long after End.
	Late time.Duration
}

func (d Data) withDefaults() Data {
	if d.Recipients <= 0 {
		d.Recipients = max(1, d.N/5)
	}
	if d.Senders <= 0 {
		d.Senders = 8
	}
	if d.End.IsZero() {
		d.End = time.Now()
	}
	if d.Start.IsZero() {
		d.Start = d.End.AddDate(-2, 0, 0)
	}
	d.Start, d.End = d.Start.UTC(), d.End.UTC()
	return d
}

// Generate returns d.N transactions, oldest first.
func Generate(d Data) []Transaction {
	txs := make([]Transaction, 0, d.N)
	for t := range Stream(d) {
		txs = append(txs, t)
	}
	return txs
}

// Stream yields what [Generate] returns, one by one.
func Stream(d Data) iter.Seq[Transaction] {
	d = d.withDefaults()
	return func(yield func(Transaction) bool) {
		g := newGenerator(d)
		for i := range d.N {
			if !yield(g.transaction(i)) {
				return
			}
		}
	}
}

// Addresses returns the distinct addresses to which transactions of d are sent,
// in lower case.
func (d Data) Addresses() []string {
	d = d.withDefaults()
	addresses := make([]string, min(d.N, d.Recipients))
	for i := range addresses {
		addresses[i] = recipientAt(d.Seed, i).Email
	}
	return addresses
}

// Recipients returns the distinct addresses among transactions, in lower case
// and in the order of their first appearance. Invalid addresses are left out.
func Recipients(txs []Transaction) []string {
	var addresses []string
	seen := make(map[string]bool)
	for _, t := range txs {
		a := strings.ToLower(strings.TrimSpace(t.Recipient.Email))
		if !seen[a] && plainAddress(a) {
			seen[a] = true
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// plainAddress reports whether an address is one of the generator's good ones.
func plainAddress(a string) bool {
	local, domain, ok := strings.Cut(a, "@")
	return ok && local != "" && strings.HasSuffix(domain, ".example") && !strings.ContainsAny(a, " \t\n,;<>\"()") &&
		!strings.Contains(domain, "@") && !strings.Contains(a, "..")
}

// A generator makes the transactions of one Data, in order.
type generator struct {
	Data
	rng     *rand.Rand
	items   []item
	total   int // of the items' weights
	texts   []string
	warts   []wart
	senders []Person
	people  []Person // recipients that have had a transaction
	first   bool     // the current transaction is its recipient's first
	request int      // transactions that the current gift request has still to come
	shared  Transaction
	massed  time.Time // the stamp that many transactions share
	long    string
}

func newGenerator(d Data) *generator {
	g := &generator{
		Data:   d,
		rng:    rand.New(rand.NewPCG(d.Seed, 1)),
		items:  catalogue(),
		texts:  messages(),
		warts:  warts(),
		massed: d.End.Add(-time.Hour).Truncate(time.Second),
	}
	for _, i := range g.items {
		g.total += i.weight
	}
	for i := range d.Senders {
		g.senders = append(g.senders, senderAt(d.Seed, i))
	}
	return g
}

func (g *generator) item() item {
	n := g.rng.IntN(g.total)
	for _, i := range g.items {
		if n -= i.weight; n < 0 {
			return i
		}
	}
	return g.items[0]
}

// transaction makes the i-th transaction.
func (g *generator) transaction(i int) Transaction {
	it := g.item()
	t := it.transaction(idOf(i + 1))
	created := g.createdAt(i)
	if g.request > 0 {
		// One more recipient of the gift request before.
		g.request--
		t.RequestID, t.Gift, t.Amount, t.Sender = g.shared.RequestID, g.shared.Gift, g.shared.Amount, g.shared.Sender
		created = g.shared.CreatedAt
	} else {
		t.RequestID = fmt.Sprint(requestBase + i + 1)
		t.Sender = g.senders[g.rng.IntN(len(g.senders))]
		if g.rng.IntN(20) == 0 {
			g.request = 1 + g.rng.IntN(4)
		}
	}
	t.CreatedAt = created
	t.Currency = g.currency()
	t.Recipient = g.recipient(i)
	t.Message = fmt.Sprintf(g.texts[g.rng.IntN(len(g.texts))], t.Recipient.FirstName)
	g.shared = t
	live(&t, g.rng, g.End)
	if g.Ugly {
		g.uglify(&t, i)
	}
	if g.Late > 0 && i%50 == 49 {
		t.VisibleAfter = g.End.Add(g.Late)
	}
	return t
}

// createdAt spreads creations evenly, each within its own share of the time.
func (g *generator) createdAt(i int) time.Time {
	share := g.End.Sub(g.Start) / time.Duration(max(1, g.N))
	at := g.Start.Add(time.Duration(i) * share)
	if share > 0 {
		at = at.Add(time.Duration(g.rng.Int64N(int64(share))))
	}
	return at.Truncate(time.Millisecond)
}

func (g *generator) currency() string {
	switch n := g.rng.IntN(100); {
	case n < 88:
		return "USD"
	case n < 94:
		return "EUR"
	case n < 98:
		return "GBP"
	default:
		return "CAD"
	}
}

// recipient picks the recipient of the i-th transaction: a new one as often as
// needed for all of them to have had one in the end.
func (g *generator) recipient(i int) Person {
	left := g.Recipients - len(g.people)
	g.first = left > 0 && (len(g.people) == 0 || g.rng.IntN(g.N-i) < left)
	if g.first {
		g.people = append(g.people, recipientAt(g.Seed, len(g.people)))
		return g.people[len(g.people)-1]
	}
	return g.people[g.rng.IntN(len(g.people))]
}

// recipientAt returns the i-th recipient of a seed. All have different
// addresses, in a top-level domain that is reserved for examples (RFC 2606).
func recipientAt(seed uint64, i int) Person {
	f := gofakeit.NewFaker(rand.NewPCG(seed, 1<<32+uint64(i)), false)
	company := gofakeit.NewFaker(rand.NewPCG(seed, 2<<32+uint64(i/7)), false)
	first, last := f.FirstName(), f.LastName()
	return Person{
		FirstName: first,
		LastName:  last,
		Email:     fmt.Sprintf("%s.%s%d@%s.example", slug(first), slug(last), i, slug(company.Company())),
	}
}

// senderAt returns the i-th sender of a seed.
func senderAt(seed uint64, i int) Person {
	f := gofakeit.NewFaker(rand.NewPCG(seed, 3<<32+uint64(i)), false)
	first, last := f.FirstName(), f.LastName()
	return Person{FirstName: first, LastName: last, Email: fmt.Sprintf("%s.%s%d@sender.example", slug(first), slug(last), i)}
}

// slug keeps the letters of a name, in lower case.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
