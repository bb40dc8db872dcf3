package stats

import (
	"slices"

	"github.com/shopspring/decimal"

	"thnks-hubspot-sync/sync/plan"
)

// decimals are the ISO 4217 minor units of the currencies that do not have two.
//
// See https://www.six-group.com/en/products-services/financial-information/data-standards.html.
var decimals = map[string]int32{
	NoCurrency: 0,
	"BIF":      0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

func decimalsOf(currency string) int32 {
	if n, ok := decimals[currency]; ok {
		return n
	}
	return 2
}

// Exact writes an amount with the decimals of its currency, or more where it has more.
func Exact(m plan.Money) string { return exact(m.Value, decimalsOf(m.Currency)) }

// A worth is what one gift was worth, made ready to be added.
type worth struct {
	currency string // "" for no amount at all
	units    int64  // ten-thousandths, if rest is nil
	rest     *decimal.Decimal
}

// The amounts that are added as integers: in ten-thousandths, and so small that a
// million of them can be added.
const (
	unitPlaces = 4
	maxDigits  = 12
	maxUnits   = 1 << 61
)

// worthOf returns an amount ready to be added. Zero without a currency is no amount.
func worthOf(m plan.Money) worth {
	a := worth{currency: m.Currency}
	if a.currency == "" {
		if m.Value.IsZero() {
			return a
		}
		a.currency = NoCurrency
	}
	shift := int(m.Value.Exponent()) + unitPlaces
	if shift < 0 || shift+m.Value.NumDigits() > maxDigits {
		value := m.Value // only these amounts are allocated
		a.rest = &value
		return a
	}
	a.units = m.Value.CoefficientInt64()
	for range shift {
		a.units *= 10
	}
	return a
}

// A sum adds amounts of one currency: Units and Rest together are the total.
type sum struct {
	Currency string
	Count    int
	Units    int64            // ten-thousandths
	Rest     *decimal.Decimal // nil for zero
}

func (s sum) total() decimal.Decimal {
	total := decimal.New(s.Units, -unitPlaces)
	if s.Rest != nil {
		total = total.Add(*s.Rest)
	}
	return total
}

func (s *sum) addRest(d decimal.Decimal) {
	if s.Rest != nil {
		d = d.Add(*s.Rest)
	}
	s.Rest = &d
}

// sums add amounts by currency. They are few, and most gifts are of one.
type sums []sum

// add adds an amount, or takes it away where by is -1. A currency without amounts
// has no sum.
func (s *sums) add(a worth, by int) {
	if a.currency == "" {
		return
	}
	i := slices.IndexFunc(*s, func(v sum) bool { return v.Currency == a.currency })
	if i < 0 {
		i = len(*s)
		*s = append(*s, sum{Currency: a.currency})
	}
	v := &(*s)[i]
	if v.Count += by; v.Count == 0 {
		*s = slices.Delete(*s, i, i+1)
		return
	}
	if a.rest != nil {
		v.addRest(a.rest.Mul(decimal.NewFromInt(int64(by))))
	}
	if v.Units += a.units * int64(by); v.Units > maxUnits || v.Units < -maxUnits {
		v.addRest(decimal.New(v.Units, -unitPlaces))
		v.Units = 0
	}
}

// of returns the total of a currency.
func (s sums) of(currency string) decimal.Decimal {
	for _, v := range s {
		if v.Currency == currency {
			return v.total()
		}
	}
	return decimal.Zero
}

// join adds other sums.
func (s *sums) join(others sums) {
	for _, o := range others {
		i := slices.IndexFunc(*s, func(v sum) bool { return v.Currency == o.Currency })
		if i < 0 {
			*s = append(*s, o)
			continue
		}
		v := &(*s)[i]
		v.Count += o.Count
		v.addRest(o.total())
	}
}

// totals returns the exact sums, with the currency's decimals or more if an
// amount had more.
func (s sums) totals() Amounts {
	a := make(Amounts, len(s))
	for _, v := range s {
		a[v.Currency] = exact(v.total(), decimalsOf(v.Currency))
	}
	return a
}

// averages returns the averages, rounded to the currency's decimals, half away
// from zero. Without a currency they have two decimals.
func (s sums) averages() Amounts {
	a := make(Amounts, len(s))
	for _, v := range s {
		places := decimalsOf(v.Currency)
		if v.Currency == NoCurrency {
			places = 2
		}
		a[v.Currency] = v.total().DivRound(decimal.NewFromInt(int64(v.Count)), places).StringFixed(places)
	}
	return a
}

// exact returns d with all its decimals, and at least the given number.
func exact(d decimal.Decimal, places int32) string {
	if d.Round(places).Equal(d) {
		return d.StringFixed(places)
	}
	return d.String()
}
