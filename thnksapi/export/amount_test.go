package export

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

		{".5", "USD", "", "0.5 USD"},
		{",50", "EUR", "", "0.50 EUR"},
		{"$.50", "USD", "", "0.50 USD"},
		{"7.50-", "USD", "", "-7.50 USD"},
		{"7,50 € -", "EUR", "", "-7.50 EUR"},
		{"(7.50)", "USD", "", "-7.50 USD"},
		{"($7.50)", "USD", "", "-7.50 USD"},
		{"$(7.50)", "USD", "", "-7.50 USD"},
		{"(7.50 USD)", "", "", "-7.50 USD"},
		{"−7.50", "USD", "", "-7.50 USD"},
		{"+7.50", "USD", "", "7.50 USD"},
		{"CA$7.50", "CAD", "", "7.50 CAD"},
		{"CA$7.50", "", "", "7.50 CAD"},
		{"CA$7.50", "", "USD", "7.50 CAD"},
		{"-CA$7.50", "", "", "-7.50 CAD"},
		{"US$ 1,234.50", "USD", "", "1234.50 USD"},
		{"$7.50 USD", "", "", "7.50 USD"},
		{"USD$7.50", "", "", "7.50 USD"},
		{"$7.50", "CAD", "", "7.50 CAD"},
		{"£7.50", "GBP", "", "7.50 GBP"},
		{"£7.50", "EGP", "", "7.50 EGP"},
		{"¥750", "CNY", "", "750 CNY"},
		{"￥750", "JPY", "", "750 JPY"},
		{"75 kr.", "SEK", "", "75 SEK"},
		{"Rs.500", "INR", "", "500 INR"},
		{"Rs. .50", "INR", "", "0.50 INR"},
		{"7,50 zł", "", "", "7.50 PLN"},
		{"5 usd", "", "", "5 USD"},
		{"1'234.50", "CHF", "", "1234.50 CHF"},
		{"1 234,50", "EUR", "", "1234.50 EUR"},
		{"1 234,50", "EUR", "", "1234.50 EUR"},
		{"1 234,50", "EUR", "", "1234.50 EUR"},
		{"\u200e7.50\u200f", "USD", "", "7.50 USD"},
		{"1234.567 KWD", "", "", "1234.567 KWD"},
		{"0.500", "KWD", "", "0.500 KWD"},

		{"5.101 KWD", "", "", errTwoAmounts.Error()},
		{"5,101", "BHD", "", errTwoAmounts.Error()},
		{"£5", "USD", "", errTwoMonies.Error()},
		{"£5", "", "USD", errTwoMonies.Error()},
		{"CA$5", "USD", "", errTwoMonies.Error()},
		{"$5", "EUR", "", errTwoMonies.Error()},
		{"$5 EUR", "", "", errTwoMonies.Error()},
		{"kr 5", "", "", errWhichMoney.Error()},
		{"5 ¢", "USD", "", errNoAmount.Error()},
		{"5 %", "USD", "", errNoAmount.Error()},
		{"5 pts", "", "", errNoAmount.Error()},
		{"about 5", "USD", "", errNoAmount.Error()},
		{"CHF.50", "CHF", "", errNoAmount.Error()},
		{"-(7.50)", "USD", "", errNoAmount.Error()},
		{"(7.50", "USD", "", errNoAmount.Error()},
		{"-7.50-", "USD", "", errNoAmount.Error()},
		{"5-7", "USD", "", errNoAmount.Error()},
		{"5..0", "USD", "", errNoAmount.Error()},
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
		{"+-5", "USD", "", errNoAmount.Error()},
		{"-+5", "USD", "", errNoAmount.Error()},
		{"$€5", "EUR", "", errNoAmount.Error()},
		{strings.Repeat("9", 31), "USD", "", errNoAmount.Error()},
		{strings.Repeat("9", 30), "USD", "", strings.Repeat("9", 30) + " USD"},
		{"0." + strings.Repeat("9", 31), "USD", "", errNoAmount.Error()},
	} {
		m, err := amount(test.text, test.row, test.byDefault, sign{})
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
		alive()
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
		m, err := amount(text, "USD", "", sign{})
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

// TestDecimalsOfTheFile: the file's other amounts say what a separator means,
// the setting does where they leave it open, and a row that nothing decides is
// set aside with the setting's name.
func TestDecimalsOfTheFile(t *testing.T) {
	t.Parallel()
	open2 := "gift_amount: " + errTwoAmounts.Error()
	for _, test := range []struct {
		name, setting string
		amounts       []string // of dinars, if they do not say it
		want          []string
	}{
		{"thousands of a currency with cents", "", []string{"5.101 EUR", "7,50"}, []string{"5101", "7.5"}},
		{"decimals that a currency does not have", "", []string{"5.101 EUR", "7.50", "5,101 JPY"}, []string{open2, "7.5", "5101"}},
		{"decimals that a currency does not have, and the setting", ".", []string{"5.101 EUR", "7.50"}, []string{"5.101", "7.5"}},
		{"the setting against the file", ",", []string{"5.101 EUR", "7.50"}, []string{"5101", "7.5"}},
		{"nothing decides", "", []string{"5.101", "7", "0"}, []string{open2, "7", "0"}},
		{"the setting: stop", ".", []string{"5.101", "5,101"}, []string{"5.101", "5101"}},
		{"the setting: comma", ",", []string{"5.101", "5,101"}, []string{"5101", "5.101"}},
		{"decimals behind it", "", []string{"5.101", "7.50"}, []string{"5.101", "7.5"}},
		{"decimals before it", "", []string{"7,50", "5.101"}, []string{"7.5", "5101"}},
		{"a fraction", "", []string{"0.125", "5.101"}, []string{"0.125", "5.101"}},
		{"both separators", "", []string{"1.234,500", "5.101"}, []string{"1234.5", "5101"}},
		{"millions", "", []string{"1.234.567", "5.101", "5,101"}, []string{"1234567", "5101", "5.101"}},
		{"four digits", "", []string{"1234.567", "5.101"}, []string{"1234.567", "5.101"}},
		{"the file before the setting", ",", []string{"7.50", "5.101"}, []string{"7.5", "5.101"}},
		{"the file shows both", "", []string{"7.50", "7,50", "5.101"}, []string{"7.5", "7.5", open2}},
		{"the file shows both, and the setting", ".", []string{"7.50", "7,50", "5.101"}, []string{"7.5", "7.5", "5.101"}},
		{"apostrophes decide nothing", "", []string{"1'234", "5.101"}, []string{"1234", open2}},
		{"what is no amount decides nothing", "", []string{"7.50 apples", "5.101"}, []string{"gift_amount: not a decimal number", open2}},
		{"an amount that shows it is not touched by the setting", ",", []string{"7.50"}, []string{"7.5"}},
	} {
		f, err := New(Config{Dialect: thnksapi.DefaultDialect(), Decimal: test.setting})
		if err != nil {
			t.Fatal(err)
		}
		text := "Transaction ID;Gift Amount;Gift Currency\n"
		for _, a := range test.amounts {
			currency := "KWD"
			if strings.ContainsAny(a, "EJ") {
				currency = ""
			}
			text += "T1;" + a + ";" + currency + "\n"
		}
		// Neither a header nor a bad line decides, and rows far behind do.
		text += strings.Repeat("T1;;\n", pageRows) + "Transaction ID;Gift Amount;Gift Currency\n\"x;9,99;\n"
		rows := all(t, open(t, f, write(t, text)))
		var got []string
		for i := range test.amounts {
			if rows[i].Err != nil {
				_, reason, _ := strings.Cut(rows[i].Err.Error(), ": ")
				got = append(got, reason)
			} else {
				got = append(got, rows[i].Transaction.Amount.Decimal.String())
			}
			if again := f.Decode(rows[i].Raw)[0]; full(again) != full(rows[i]) {
				t.Errorf("%s: read again %s, was %s", test.name, full(again), full(rows[i]))
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	if _, err := New(Config{Dialect: thnksapi.DefaultDialect(), Decimal: ";"}); err == nil || !strings.Contains(err.Error(), "thnks.csv.decimal") {
		t.Errorf("a wrong sign: %v", err)
	}
}

// TestDecimalsOfShortRows: a row that ends before the amount decides nothing.
func TestDecimalsOfShortRows(t *testing.T) {
	t.Parallel()
	rows := all(t, open(t, format(t, nil), write(t, "Transaction ID;Gift Currency;Gift Amount\nT0;KWD\nT1;KWD;5.101\nT2;KWD;7.50\n")))
	if len(rows) != 3 || rows[1].Err != nil || rows[1].Transaction.Amount.Decimal.String() != "5.101" {
		t.Errorf("rows are %q", summaries(rows))
	}
}

// TestDecimalsAreFoundAcrossPages: the last row of a large file decides for the
// first one, in one search, and a cancelled search decides nothing.
func TestDecimalsAreFoundAcrossPages(t *testing.T) {
	t.Parallel()
	text := "Transaction ID,Gift Amount\n" + strings.Repeat("T1,5.101\n", 3*pageRows) + "T2,7.50\n"
	file := open(t, format(t, nil), write(t, text))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if sign, err := file.decimals(ctx); err == nil {
		t.Errorf("cancelled, it found %q", sign)
	}
	for i, row := range all(t, file) {
		if row.Err != nil || !strings.HasPrefix(row.Transaction.Amount.Decimal.String(), []string{"5.101", "7.5"}[i/(3*pageRows)]) {
			t.Fatalf("row %d: %s", i, full(row))
		}
	}
}

func FuzzAmount(f *testing.F) {
	for _, s := range []string{"1,234.50", "€ 5", "5 USD", "-$1’234", "..", "1.234"} {
		f.Add(s, "USD")
	}
	f.Fuzz(func(t *testing.T, text, currency string) {
		alive()
		m, err := amount(text, currency, "", sign{setting: ","})
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
		alive()
		rows := format.Decode(raw)
		if len(rows) != 1 || (rows[0].Transaction == nil) == (rows[0].Err == nil) {
			t.Fatalf("%q gives %+v", raw, rows)
		}
	})
}

// TestCurrencyWithoutAmount: a currency beside no amount is read as beside one, and
// dropped where it is none.
func TestCurrencyWithoutAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		",": "T1|~|||~|~|~", ",€": "T1|~||EUR|~|~|~", ",eur": "T1|~||EUR|~|~|~", "5,€": "T1|~|5|EUR|~|~|~", "5,pounds": "T1|~|5|!|~|~|~",
	} {
		rows := all(t, open(t, format(t, nil), write(t, "Transaction ID,Gift Amount,Gift Currency\nT1,"+text+"\n")))
		if got := full(rows[0]); got != want {
			t.Errorf("%q is read as %s, want %s", text, got, want)
		}
	}
}
