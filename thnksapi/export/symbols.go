package export

import (
	"slices"
	"strings"
	"unicode"
)

// symbols has the currencies that a symbol or an abbreviation may stand for, by
// ISO 4217.
var symbols = map[string]string{
	"$": "USD AUD BBD BMD BND BRL BSD BZD CAD CLP COP CUP CVE DOP FJD GYD HKD JMD KYD LRD MOP MXN " +
		"NAD NIO NZD SBD SGD SRD TOP TTD TVD TWD UYU WST XCD ARS ZWL ZWG",
	"US$": "USD", "U$S": "USD", "A$": "AUD", "AU$": "AUD", "CA$": "CAD", "C$": "CAD NIO", "NZ$": "NZD",
	"HK$": "HKD", "S$": "SGD", "SG$": "SGD", "NT$": "TWD", "R$": "BRL", "MX$": "MXN", "EC$": "XCD", "J$": "JMD",
	"€": "EUR", "£": "GBP EGP FKP GIP LBP SDG SHP SSP SYP", "E£": "EGP",
	"¥": "JPY CNY", "JP¥": "JPY", "CN¥": "CNY", "円": "JPY", "元": "CNY TWD HKD",
	"₩": "KRW KPW", "₹": "INR", "₨": "INR LKR MUR NPR PKR SCR", "₪": "ILS", "₺": "TRY", "₽": "RUB", "₫": "VND",
	"₴": "UAH", "₦": "NGN", "₱": "PHP CUP", "₡": "CRC SVC", "₲": "PYG", "₵": "GHS", "₸": "KZT", "₼": "AZN", "₾": "GEL",
	"₮": "MNT", "₭": "LAK", "฿": "THB", "៛": "KHR", "৳": "BDT", "֏": "AMD", "؋": "AFN", "﷼": "IRR OMR QAR SAR YER", "⃀": "KGS",
	"kr": "DKK ISK NOK SEK", "kr.": "DKK ISK NOK SEK", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "lei": "RON MDL",
	"Fr": "CHF", "Fr.": "CHF", "SFr.": "CHF", "лв": "BGN", "лв.": "BGN", "руб": "RUB", "руб.": "RUB",
	"R": "ZAR", "RM": "MYR", "Rp": "IDR", "Rs": "INR LKR MUR NPR PKR SCR", "Rs.": "INR LKR MUR NPR PKR SCR",
	"S/": "PEN", "S/.": "PEN", "Bs": "BOB VES", "Bs.": "BOB VES", "FCFA": "XAF XOF", "CFA": "XAF XOF", "KD": "KWD",
}

// fullWidth spells the symbols that East Asian text has in another width.
var fullWidth = strings.NewReplacer("＄", "$", "﹩", "$", "￡", "£", "￥", "¥", "￦", "₩")

// standsFor returns the currencies that a word beside an amount may stand for;
// nil if it stands for none.
func standsFor(word string) []string {
	word = fullWidth.Replace(word)
	if codes, ok := symbols[word]; ok {
		return strings.Fields(codes)
	}
	if isCode(word) && (word == strings.ToUpper(word) || knownCodes[strings.ToUpper(word)]) {
		return []string{strings.ToUpper(word)}
	}
	// "USD$" and "$USD" are a code and a symbol in one word.
	for symbol, codes := range symbols {
		code := strings.TrimSuffix(strings.TrimPrefix(word, symbol), symbol)
		if isCode(code) && slices.Contains(strings.Fields(codes), strings.ToUpper(code)) {
			return []string{strings.ToUpper(code)}
		}
	}
	return nil
}

// knownCodes are the codes that are known in small letters, too; other words of
// three letters are no currencies.
var knownCodes = func() map[string]bool {
	known := make(map[string]bool)
	for _, codes := range symbols {
		for _, code := range strings.Fields(codes) {
			known[code] = true
		}
	}
	return known
}()

// isCode reports whether a word has the form of a currency's code.
func isCode(word string) bool {
	return len(word) == 3 && !strings.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) })
}

// currencyOf returns the currency that the text of a cell names, "" for an
// empty one. It is not ok if the text names none, or one of several.
func currencyOf(text string) (code string, ok bool) {
	text = visible(text)
	if text == "" {
		return "", true
	}
	if isCode(text) {
		return strings.ToUpper(text), true
	}
	if codes := standsFor(text); len(codes) == 1 {
		return codes[0], true
	}
	return "", false
}
