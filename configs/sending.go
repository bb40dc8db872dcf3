package configs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Sending says which gifts the portal sends, to whom, and what they may cost. A
// portal without it sends nothing.
type Sending struct {
	// TestMode lets nothing leave: everything is tried but the request.
	TestMode bool `yaml:"test_mode"`
	// Stop is the kill switch.
	Stop bool `yaml:"stop"`
	// Allow are the recipients: addresses, @domains, or * for everyone.
	Allow     []string `yaml:"allow"`
	DoNotGift []string `yaml:"do_not_gift"` // addresses and @domains
	// OptOutProperties are properties of HubSpot contacts; true in one of them is
	// an opt-out.
	OptOutProperties []string        `yaml:"opt_out_properties"`
	Currency         string          `yaml:"currency"` // ISO 4217, of all amounts below
	Catalogue        []CatalogueItem `yaml:"catalogue"`
	Budget           Budget          `yaml:"budget"`
	PerRecipient     PerRecipient    `yaml:"per_recipient"`
	// ApproveAbove is the price above which a gift waits for a person.
	ApproveAbove string `yaml:"approve_above"`
}

// A CatalogueItem is a gift that may be sent.
type CatalogueItem struct {
	Gift  int64  `yaml:"gift"` // Thnks's number of it
	Name  string `yaml:"name"`
	Price string `yaml:"price"` // exact decimal
}

// A Budget bounds what gifts cost in a month of the portal's time zone.
type Budget struct {
	Sender string `yaml:"sender"` // of each sender
	Portal string `yaml:"portal"` // of all together
}

// PerRecipient bounds how many gifts a recipient gets.
type PerRecipient struct {
	Max    int      `yaml:"max"`
	Within Duration `yaml:"within"`
}

func (s *Sending) setDefaults() {
	*s = Sending{
		TestMode:         true,
		OptOutProperties: []string{"hs_email_optout"},
		PerRecipient:     PerRecipient{Max: 1, Within: Duration(30 * day)},
	}
}

var (
	currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)
	amount       = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,4})?$`)
	property     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	domainName   = regexp.MustCompile(`^[^@\s]+\.[^@\s]+$`)
)

func (r *report) sending(at string, s Sending, t Thnks) {
	if t.APIKeyFile == "" && len(t.Keys) == 0 {
		r.add(at, "the portal has no API key to send with", "give thnks.api_key_file or thnks.keys, or remove sending")
	}
	for i, who := range s.Allow {
		r.recipient(item(at+".allow", i), who, true)
	}
	for i, who := range s.DoNotGift {
		r.recipient(item(at+".do_not_gift", i), who, false)
	}
	for i, p := range s.OptOutProperties {
		if !property.MatchString(p) {
			r.add(item(at+".opt_out_properties", i), "not the name of a property", "write its internal name, such as hs_email_optout")
		}
	}
	if !currencyCode.MatchString(s.Currency) {
		r.add(at+".currency", "missing or not the code of a currency", "write it like USD; prices and budgets are in it")
	}
	r.catalogue(at+".catalogue", s.Catalogue)
	r.amount(at+".budget.sender", s.Budget.Sender)
	r.amount(at+".budget.portal", s.Budget.Portal)
	r.amount(at+".approve_above", s.ApproveAbove)
	if s.PerRecipient.Max < 1 {
		r.add(at+".per_recipient.max", "less than 1", "give the number of gifts that one recipient may get")
	}
	if time.Duration(s.PerRecipient.Within) < time.Hour {
		r.add(at+".per_recipient.within", "less than an hour", "write it like 30d")
	}
}

func (r *report) catalogue(at string, items []CatalogueItem) {
	if len(items) == 0 {
		r.add(at, "missing", "list the gifts that may be sent, each with its price")
	}
	for i, g := range items {
		key := item(at, i)
		if g.Gift <= 0 {
			r.add(key+".gift", "missing or not positive", "give the number at the end of the gift's address in Thnks")
		}
		if j := slices.IndexFunc(items[:i], func(other CatalogueItem) bool { return other.Gift == g.Gift }); j >= 0 && g.Gift > 0 {
			r.add(key+".gift", fmt.Sprintf("the same gift as catalogue[%d]", j), "keep one of them")
		}
		r.required(key+".name", g.Name)
		r.amount(key+".price", g.Price)
		if strings.Trim(g.Price, "0.") == "" && g.Price != "" {
			r.add(key+".price", "a price of nothing", "give what the gift costs: budgets count it")
		}
	}
}

// recipient checks an entry of a list of recipients.
func (r *report) recipient(key, value string, everyone bool) {
	domain, isDomain := strings.CutPrefix(value, "@")
	switch {
	case everyone && value == "*", isDomain && domainName.MatchString(domain), !isDomain && mailbox.MatchString(value):
	case everyone:
		r.add(key, "neither an address nor a domain", "write bea@acme.example, @acme.example for a domain, or * for everyone")
	default:
		r.add(key, "neither an address nor a domain", "write bea@acme.example, or @acme.example for a domain")
	}
}

// amount checks an exact amount of money.
func (r *report) amount(key, value string) {
	switch {
	case value == "":
		r.add(key, "missing", "give an amount in the portal's sending.currency, such as 100.00")
	case !amount.MatchString(value):
		r.add(key, "not an amount", "write digits with a point, such as 100.00")
	}
}
