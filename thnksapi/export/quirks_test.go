package export

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"thnks-hubspot-sync/thnksapi"
)

// full returns what a row says: its id, gift, amount, recipient, message and
// date of sending, "~" for a field that it lacks and "!" for one that was
// dropped. Of a row that is no transaction it returns the id and the error.
func full(row thnksapi.Row) string {
	if row.Err != nil {
		return fmt.Sprintf("%q: %v", row.ID, row.Err)
	}
	t := row.Transaction
	out := []string{t.ID}
	add := func(field thnksapi.FieldSet, text string) {
		switch {
		case t.Dropped.Has(field):
			text += "!"
		case t.Missing.Has(field):
			text += "~"
		}
		out = append(out, text)
	}
	money := ""
	if t.Amount.Valid {
		money = t.Amount.Decimal.String()
	}
	add(thnksapi.FieldGiftName, t.GiftName)
	add(thnksapi.FieldAmount, money)
	add(thnksapi.FieldCurrency, t.Currency)
	add(thnksapi.FieldRecipientPhone, t.Recipient.Phone)
	add(thnksapi.FieldMessage, t.Message)
	sent := ""
	if at := t.Times[thnksapi.Sent]; !at.IsZero() {
		sent = at.Format(time.RFC3339)
	}
	add(thnksapi.FieldTimes, sent)
	return strings.Join(out, "|")
}

// TestFilesAsPeopleWriteThem reads files as programs, spreadsheets and people really write
// them.
func TestFilesAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	const header = "Transaction ID,Gift Name,Gift Amount,Gift Currency,Recipient Phone,Message,Sent Date\n"
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"every column, and no value", header + "T1,,,,,,\n", []string{"T1||||||"}},
		{"an id and nothing else", "Transaction ID\nT1\n", []string{"T1|~|~|~|~|~|~"}},
		{"a missing column", "Transaction ID,Message\nT1,\n", []string{"T1|~|~|~|~||~"}},
		{"one of the dates", header + "T1,Tea,5,USD,1,x,2026-01-02T03:04:05Z\n", []string{"T1|Tea|5|USD|1|x|2026-01-02T03:04:05Z"}},
		{"missing cells at the end", header + "T1,Tea,5\nT2,\n", []string{"T1|Tea|5|~|~|~|~", "T2||~|~|~|~|~"}},
		{"a line with another separator", header + "T1;Tea;5\nT2\tTea\n", []string{`"": line 2: 1 field, the header has 7: no transaction, but some remark or total`, `"": line 3: 1 field, the header has 7: no transaction, but some remark or total`}},
		{"a lone id", header + "T1\nT2,Tea,,,,,\n", []string{"T1|~|~|~|~|~|~", "T2|Tea|||||"}},
		{"totals", header + "T1,Tea,5,USD,,,\nTotal:,,5\n(1 row)\n", []string{
			"T1|Tea|5|USD|||", `"": line 3: 3 fields, the header has 7: no transaction, but some remark or total`, `"": line 4: 1 field, the header has 7: no transaction, but some remark or total`,
		}},
		{"surplus empty cells", header + "T1,Tea,5,USD,1,x,,,, ,\nT2,Tea,5,USD,1,x,,\u200b\n", []string{"T1|Tea|5|USD|1|x|", "T2|Tea|5|USD|1|x|"}},
		{"empty names at the end", "Transaction ID,Gift Name,,\nT1,Tea\nT2,Tea,,x\nT3,Cake", []string{"T1|Tea|~|~|~|~|~", "T2|Tea|~|~|~|~|~", "T3|Cake|~|~|~|~|~"}},
		{"cut off in a row", header + "T1,Tea,5,USD,1,x,\nT2,Te", []string{"T1|Tea|5|USD|1|x|", `"T2": line 3: 2 fields, the header has 7, and no line end: the file was cut off here; export it again`}},
		{"cut off in an id", header + "T1,Tea,5,USD,1,x,\nT-12", []string{"T1|Tea|5|USD|1|x|", `"": line 3: 1 field, the header has 7, and no line end: the file was cut off here; export it again`}},
		{"no last line end", header + "T1,Tea,5,USD,1,x,", []string{"T1|Tea|5|USD|1|x|"}},
		{"too many cells", header + "T1,Tea, green,5,USD,1,x,2026-01-01\n", []string{`"T1": line 2: 8 fields, the header has 7: a field with a separator in it stands in quotes`}},
		{"blank lines before the header", "\n \r\n,,,,,,\n\"\",\"\"\n" + header + "T1,Tea,5,USD,1,x,\n", []string{"T1|Tea|5|USD|1|x|"}},
		{"two byte order marks", "\ufeff\ufeff" + header + "T1,Tea,5,USD,1,x,\n", []string{"T1|Tea|5|USD|1|x|"}},
		{"two byte order marks, quoted", "\ufeff\ufeff\"Transaction ID\",\"Gift Name\"\n\"T1\",\"Tea\"\n", []string{"T1|Tea|~|~|~|~|~"}},
		{"two byte order marks in UTF-16", wide(binary.LittleEndian, "\ufeff"+header+"T1,Tea,5,USD,1,x,\n"), []string{"T1|Tea|5|USD|1|x|"}},
		{"sep line behind a mark and blank lines", "\ufeff\r\nSEP=;\r\n\r\nTransaction ID;Gift Name\r\nT1;a,b\r\n", []string{"T1|a,b|~|~|~|~|~"}},
		{"Ctrl-Z", header + "T1,Tea,5,USD,1,x,\r\n\x1a", []string{"T1|Tea|5|USD|1|x|"}},
		{"Ctrl-Z in the last line", "Transaction ID,Gift Name\r\nT1,Tea\x1a\x1a", []string{"T1|Tea|~|~|~|~|~"}},
		{"Ctrl-Z in UTF-16", wide(binary.BigEndian, "Transaction ID\tGift Name\r\nT1\tTea\r\n\x1a"), []string{"T1|Tea|~|~|~|~|~"}},
		{"two files joined", "Transaction ID,Gift Name\nT1,Tea\n\x1a\ufeffTransaction ID,Gift Name\nT2,Cake\n\x1a", []string{"T1|Tea|~|~|~|~|~", "T2|Cake|~|~|~|~|~"}},
		{"two files of Excel joined", "\ufeffsep=;\nTransaction ID;Gift Name\nT1;Tea\n\ufeffsep=;\ntransaction_id;\"Gift Name\";;\nT2;Cake\n", []string{"T1|Tea|~|~|~|~|~", "T2|Cake|~|~|~|~|~"}},
		{"CR CR LF", "Transaction ID,Gift Name\r\r\nT1,Tea\r\r\nT2,Cake\r\r\n", []string{"T1|Tea|~|~|~|~|~", "T2|Cake|~|~|~|~|~"}},
		{"texts as formulas", header + "=\"00123\",\"=\"\"Tea \"\"\"\"5\"\"\"\"\"\"\",=\"7.50\",=\"USD\",=\"+3161\",\"='x'\",=\"2026-01-02\"\n", []string{"00123|Tea \"5\"|7.5|USD|+3161|='x'|2026-01-01T23:00:00Z"}},
		{"apostrophes before formulas", header + "'00123,'=Tea,'-7.50,USD,'+3161,\"'@all\",'-\n", []string{"00123|=Tea|-7.5|USD|+3161|@all|"}},
		{"apostrophes before tab and CR", "Transaction ID,Gift Name,Message\nT1,'\tTea,\"'\rTea\"\n", []string{"T1|\tTea|~|~|~|\nTea|~"}},
		{"apostrophes that belong there", "Transaction ID,Gift Name,Message\nT1,'t Hooft,'\n", []string{"T1|'t Hooft|~|~|~|'|~"}},
		{"words for nothing", header + "T1,None,NaN,#N/A,n/a,null,0000-00-00\nT2,,-,\\N,,,NaT\nT3,,(null),None,,,N/A\n", []string{"T1|None|||n/a|null|", "T2||||||", "T3||||||"}},
		{"a date that is none", header + "T1,Tea,5,USD,1,x,yesterday\n", []string{"T1|Tea|5|USD|1|x|!"}},
		{"a currency that is none", header + "T1,Tea,5,US Dollar,1,x,\nT2,Tea,$5,$,1,x,\nT3,Tea,5 EUR,Euro,1,x,\nT4,Tea,,Euro,,,\n", []string{"T1|Tea|5|!|1|x|", "T2|Tea|5|!|1|x|", "T3|Tea|5|EUR|1|x|", "T4|Tea||!|||"}},
		{"a currency by its symbol", header + "T1,Tea,5,€,1,x,\nT2,Tea,5,us$,1,x,\nT3,Tea,5, usd ,1,x,\n", []string{"T1|Tea|5|EUR|1|x|", "T2|Tea|5|!|1|x|", "T3|Tea|5|USD|1|x|"}},
		{"a currency in the amount", "Transaction ID,Gift Amount\nT1,5 EUR\nT2,5\nT3,CA$7.50\n", []string{"T1|~|5|EUR|~|~|~", "T2|~|5|~|~|~|~", "T3|~|7.5|CAD|~|~|~"}},
		{"an amount that is none", header + "T1,Tea,#VALUE!,USD,1,x,\nT2,Tea,£5,USD,1,x,\n", []string{`"T1": line 2: gift_amount: not a decimal number`, `"T2": line 3: gift_amount: in another currency than the row's`}},
		{"line breaks in quotes", "Transaction ID,Gift Name,Message\r\nT1,Tea,\"a\r\nb\"\r\nT2,\"Tea\n\",\"\ufeffx\n\x1a\"\r\n", []string{"T1|Tea|~|~|~|a\nb|~", "T2|Tea\n|~|~|~|\ufeffx\n\x1a|~"}},
	} {
		got := []string(nil)
		for _, row := range all(t, open(t, format(t, nil), write(t, test.text))) {
			got = append(got, full(row))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestDefaultCurrency: it is that of amounts that name none, and of no others.
func TestDefaultCurrency(t *testing.T) {
	t.Parallel()
	d := thnksapi.DefaultDialect()
	d.Money.DefaultCurrency = "USD"
	f, err := New(Config{Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"Transaction ID,Gift Amount\nT1,5\nT2,5 EUR\nT3,\n":                                {"T1|~|5|USD|~|~|~", "T2|~|5|EUR|~|~|~", "T3|~||~|~|~|~"},
		"Transaction ID,Gift Amount,Gift Currency\nT1,5,\nT2,5,Dollars\nT3,$5,?\nT4,£5,\n": {"T1|~|5|USD|~|~|~", "T2|~|5|!|~|~|~", "T3|~|5|USD|~|~|~", `"T4": line 5: gift_amount: in another currency than the row's`},
	} {
		var got []string
		for _, row := range all(t, open(t, f, write(t, text))) {
			got = append(got, full(row))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestWordsForNothing: the setting takes the default's place, and texts keep
// such words in any case.
func TestWordsForNothing(t *testing.T) {
	t.Parallel()
	const text = "Transaction ID,Gift Name,Gift Amount,Gift Currency,Sent Date\nT1,leer, LEER,leer,leer\nT2,,,,never\n"
	f, err := New(Config{Dialect: thnksapi.DefaultDialect(), Nothing: []string{"Leer"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"T1|leer|||~|~|", "T2||||~|~|!"}
	var got []string
	for _, row := range all(t, open(t, f, write(t, text))) {
		got = append(got, full(row))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, word := range defaultNothing() {
		for _, written := range []string{word, " " + strings.ToUpper(word) + "\u00a0"} {
			quoted := `"` + written + `"`
			rows := all(t, open(t, format(t, nil), write(t, "Transaction ID,Gift Name,Gift Amount,Gift Currency,Updated\nT1,"+quoted+","+quoted+","+quoted+","+quoted+"\n")))
			row := rows[0]
			if row.Err != nil || row.Transaction.Dropped != 0 || row.Transaction.Amount.Valid || row.Transaction.Currency != "" || !row.Transaction.UpdatedAt.IsZero() {
				t.Errorf("%q is not nothing: %+v, %v", written, row.Transaction, row.Err)
			} else if row.Transaction.GiftName != written {
				t.Errorf("the gift %q is called %q", written, row.Transaction.GiftName)
			}
		}
	}
}

// TestIDs: an id is the same however a spreadsheet was kept from reading it as
// a number, and refused if one did.
func TestIDs(t *testing.T) {
	t.Parallel()
	f := format(t, nil)
	for text, want := range map[string]string{
		"00123": "00123", "'00123": "00123", `="00123"`: "00123", `'="00123"`: "00123", `="'00123"`: "00123", ` = "1"`: `= "1"`,
		"\u200bT1\u200d": "T1", "\ufeffT1": "T1", "T1\u00a0": "T1", "\u00a0T\u00a01": "T1", "T\u00ad1": "T1", "\u202aT1\u202c": "T1", "T1\u200f": "T1", "T\u20601\ufe0f": "T1", "\u202fT1": "T1",
		"T 1": "T 1", " T1\t": "T1", "'": "'", "T'1": "T'1", "-5": "-5", "'-5": "-5", "'@x": "@x", "#1001": "#1001", "12a.0": "12a.0", "1.2.3": "1.2.3", "T-1.5": "T-1.5", "12e45": "12e45", "1E": "1E", "E15": "E15",
		"12345678901234567890": "12345678901234567890", "550e8400-e29b-41d4-a716-446655440000": "550e8400-e29b-41d4-a716-446655440000",

		"": thnksapi.ErrNoID.Error(), "\u200b": thnksapi.ErrNoID.Error(), `=""`: thnksapi.ErrNoID.Error(), "NULL": thnksapi.ErrNoID.Error(), "nan": thnksapi.ErrNoID.Error(),
		"12345.0": errDecimal.Error(), "12345,00": errDecimal.Error(), `="12345.0"`: errDecimal.Error(), "0.0": errDecimal.Error(), "1.5": errDecimal.Error(), "5.": errDecimal.Error(), "1.2E-5": errRounded.Error(), "12E-3": errRounded.Error(),
		"1.2E+15": errRounded.Error(), "1,23457E+15": errRounded.Error(), "1e+15": errRounded.Error(), "1E15": errRounded.Error(), "123.4E+12": errRounded.Error(), "'1.2E+15": errRounded.Error(), "12E+3": errRounded.Error(),
		"#REF!": errFormula.Error(), "#N/A": errFormula.Error(), "#VALUE!": errFormula.Error(), "#DIV/0!": errFormula.Error(), "#NAME?": errFormula.Error(), "#NUM!": errFormula.Error(), "#NULL!": errFormula.Error(),
		"#SPILL!": errFormula.Error(), "#BEZUG!": errFormula.Error(), "#ÜBERLAUF!": errFormula.Error(), "#NV": errFormula.Error(), "#¿NOMBRE?": errFormula.Error(), "########": errFormula.Error(), "Err:502": errFormula.Error(), "\u200b#REF!": errFormula.Error(),
	} {
		got, err := f.identifier(text)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"'T1": "T1", "#REF!": "", "12345.0": "", "T\xff1": "", "T\ufffd1": "", "T\x001": "", strings.Repeat("T", 256): ""} {
		if got := f.knownID(text); got != want {
			t.Errorf("%q is known as %q, want %q", text, got, want)
		}
	}
}
