package stats

import "github.com/shopspring/decimal"

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

// A sum adds amounts of one currency.
type sum struct {
	total decimal.Decimal
	count int
}

// sums add amounts by currency.
type sums map[string]sum

// add counts an amount. Zero without a currency is no amount.
func (s sums) add(currency string, value decimal.Decimal) {
	if currency == "" {
		if value.IsZero() {
			return
		}
		currency = NoCurrency
	}
	was := s[currency]
	s[currency] = sum{was.total.Add(value), was.count + 1}
}

// totals returns the exact sums, with the currency's decimals or more if an
// amount had more.
func (s sums) totals() Amounts {
	a := make(Amounts, len(s))
	for currency, v := range s {
		a[currency] = exact(v.total, decimalsOf(currency))
	}
	return a
}

// averages returns the averages, rounded to the currency's decimals, half away
// from zero. Without a currency they have two decimals.
func (s sums) averages() Amounts {
	a := make(Amounts, len(s))
	for currency, v := range s {
		places := decimalsOf(currency)
		if currency == NoCurrency {
			places = 2
		}
		a[currency] = v.total.DivRound(decimal.NewFromInt(int64(v.count)), places).StringFixed(places)
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
