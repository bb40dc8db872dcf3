package export

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"thnks-hubspot-sync/thnksapi"
)

// TestAmounts: an amount that can mean one thing only is read, others are
// refused.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, row, byDefault, want string }{
		{"7.5", "USD", "", "7.5 USD"},
		{"7,50", "EUR", "", "7.50 EUR"},
		{"1234", "USD", "", "1234 USD"},
		{"1,234.50", "USD", "", "1234.50 USD"},
		{"1.234,50", "EUR", "", "1234.50 EUR"},
		{"1 234,50", "EUR", "", "1234.50 EUR"},
		{"1\u202f234\u00a0€", "EUR", "", "1234 EUR"},
		{"1’234.50", "CHF", "", "1234.50 CHF"},
		{"1,234,567", "USD", "", "1234567 USD"},
		{"1.234.567,89", "EUR", "", "1234567.89 EUR"},
		{"0.125", "USD", "", "0.125 USD"},
		{"1234.567", "USD", "", "1234.567 USD"},
		{"-5.00", "USD", "", "-5.00 USD"},
		{"-$5.00", "USD", "", "-5.00 USD"},
		{"$1,234.50", "USD", "", "1234.50 USD"},
		{"$5", "", "USD", "5 "},
		{"5 USD", "", "", "5 USD"},
		{"EUR 5,00", "", "USD", "5.00 EUR"},
		{"5", "", "", "5 "},

		{"1,234", "USD", "", errTwoAmounts.Error()},
		{"1.234", "EUR", "", errTwoAmounts.Error()},
		{"$12.500", "USD", "", errTwoAmounts.Error()},
		{"$5", "", "", errWhichMoney.Error()},
		{"€5", "USD", "", errTwoMonies.Error()},
		{"€5", "", "USD", errTwoMonies.Error()},
		{"€5", "", "", "5 EUR"},
		{"5 EUR", "USD", "", errTwoMonies.Error()},
		{"1,23,456.00", "INR", "", errNoAmount.Error()},
		{"1,234.5.6", "USD", "", errNoAmount.Error()},
		{"1 234'567", "USD", "", errNoAmount.Error()},
		{"1e3", "USD", "", errNoAmount.Error()},
		{"5.", "USD", "", errNoAmount.Error()},
		{"five", "USD", "", errNoAmount.Error()},
		{"--5", "USD", "", errNoAmount.Error()},
		{"$€5", "EUR", "", errNoAmount.Error()},
		{strings.Repeat("9", 31), "USD", "", errNoAmount.Error()},
	} {
		m, err := amount(test.text, test.row, test.byDefault, "")
		got := m.plain + " " + m.currency
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%q (row %q, default %q) is read as %q, want %q", test.text, test.row, test.byDefault, got, test.want)
		}
	}
}

// TestAmountsReadBack: two decimals are unambiguous in either notation, and a
// number that is read has the digits that were written.
func TestAmountsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := decimal.New(rapid.Int64Range(-1_000_000_000, 1_000_000_000).Draw(t, "cents"), -2)
		whole, fraction, _ := strings.Cut(want.Abs().StringFixed(2), ".")
		marks := rapid.SampledFrom([]struct{ thousands, decimals string }{{",", "."}, {".", ","}, {" ", ","}, {"'", "."}, {"", "."}, {"", ","}}).Draw(t, "marks")
		for i := len(whole) - 3; i > 0; i -= 3 {
			whole = whole[:i] + marks.thousands + whole[i:]
		}
		text := whole + marks.decimals + fraction
		if want.IsNegative() {
			text = "-" + text
		}
		m, err := amount(text, "USD", "", "")
		if got, decErr := decimal.NewFromString(m.plain); err != nil || decErr != nil || !got.Equal(want) {
			t.Fatalf("%q is read as %q (%v), want %s", text, m.plain, err, want)
		}
	})
}

func TestAmountsOfRows(t *testing.T) {
	t.Parallel()
	file := open(t, format(t, nil), write(t, "Transaction ID;Gift Amount;Gift Currency\nT1;1234 €;EUR\nT2;n/a;\nT3;1.234;EUR\n"))
	rows := all(t, file)
	if tx := rows[0].Transaction; tx == nil || tx.Amount.Decimal.String() != "1234" || tx.Currency != "EUR" {
		t.Errorf("got %+v, %v", tx, rows[0].Err)
	}
	if tx := rows[1].Transaction; tx == nil || tx.Amount.Valid {
		t.Errorf("got %+v, %v; want no amount", tx, rows[1].Err)
	}
	if rows[2].Transaction != nil || rows[2].Err.Error() != "line 4: gift_amount: "+errTwoAmounts.Error() {
		t.Errorf("got %v", rows[2].Err)
	}
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"1,234.50", "€ 5", "5 USD", "-$1’234", "..", "1.234"} {
		f.Add(s, "USD")
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		m, err := amount(text, currency, "", ",")
		if err != nil {
			return
		}
		plain := m.plain
		if _, err := decimal.NewFromString(plain); err != nil {
			t.Fatalf("%q is read as %q, which is no number", text, plain)
		}
		digitsOf := func(s string) string { // ".5" is 0.5
			return strings.TrimLeft(strings.Map(func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}, s), "0")
		}
		if digitsOf(plain) != digitsOf(text) {
			t.Fatalf("%q is read as %q: other digits", text, plain)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"export_row":{"columns":{"Transaction ID":"T1","Gift Amount":"$5"}}}`))
	f.Add([]byte(`{"export_row":{"line":17,"problem":"9 fields","text":"x"}}`))
	format, err := New(Config{Dialect: thnksapi.DefaultDialect()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rows := format.Decode(raw)
		if len(rows) != 1 || (rows[0].Transaction == nil) == (rows[0].Err == nil) {
			t.Fatalf("%q gives %+v", raw, rows)
		}
	})
}
