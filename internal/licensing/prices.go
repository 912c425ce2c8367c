package licensing

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
)

// Money is an amount in a currency.
type Money struct {
	parts    int64 // of which partsOfUnit are one unit of the currency
	Currency string
}

const (
	decimals    = 4
	partsOfUnit = 10_000
)

// Amount returns the amount as a decimal number with two to four decimals.
func (m *Money) Amount() string {
	text := fmt.Sprintf("%d.%0*d", m.parts/partsOfUnit, decimals, m.parts%partsOfUnit)
	for range decimals - 2 {
		text = strings.TrimSuffix(text, "0")
	}
	return text
}

// times returns the amount for a number of units; nil without a number.
func (m *Money) times(units *int32) *Money {
	if m == nil || units == nil {
		return nil
	}
	return &Money{m.parts * int64(*units), m.Currency}
}

// Plus returns the sum of two amounts in the same currency; m may be nil.
func (m *Money) Plus(other *Money) *Money {
	if m == nil {
		return other
	}
	return &Money{m.parts + other.parts, m.Currency}
}

// prices are the monthly prices of products, by ID and by part number in lower case; nil without a file.
var prices atomic.Pointer[map[string]*Money]

const (
	columnSku, columnPrice, columnCurrency = "sku", "monthlyPrice", "currency"
	// maxPrices limits the lines of a price file, and maxPriceBytes its size; the rest of a longer file is ignored.
	maxPrices     = 10_000
	maxPriceBytes = 4 << 20
)

var (
	pricePattern    = regexp.MustCompile(`^[0-9]{1,7}(\.[0-9]{1,4})?$`)
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
)

// SetPrices reads the monthly prices of one unit of each product from a CSV file with the columns sku (an ID or a part
// number), monthlyPrice (with at most four decimals) and currency (ISO 4217), in any order. They replace those of an
// earlier call. The error has the number of the invalid line, but not its content.
func SetPrices(r io.Reader) error {
	rows := csv.NewReader(io.LimitReader(r, maxPriceBytes))
	header, err := rows.Read()
	if err != nil {
		return fmt.Errorf("missing header: %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.Trim(name, "\ufeff ")] = i
	}
	for _, name := range []string{columnSku, columnPrice, columnCurrency} {
		if _, ok := column[name]; !ok {
			return fmt.Errorf("line 1: missing column %s", name)
		}
	}
	read := map[string]*Money{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err // with the line
		}
		line, _ := rows.FieldPos(0)
		if line > maxPrices {
			return fmt.Errorf("more than %d lines", maxPrices)
		}
		cell := func(name string) string { return strings.TrimSpace(row[column[name]]) }
		sku := strings.ToLower(cell(columnSku))
		switch {
		case sku == "":
			return fmt.Errorf("line %d: missing %s", line, columnSku)
		case read[sku] != nil:
			return fmt.Errorf("line %d: duplicate %s", line, columnSku)
		case !pricePattern.MatchString(cell(columnPrice)):
			return fmt.Errorf("line %d: invalid %s: want a number such as 10.50", line, columnPrice)
		case !currencyPattern.MatchString(cell(columnCurrency)):
			return fmt.Errorf("line %d: invalid %s: want a code such as EUR", line, columnCurrency)
		}
		whole, fraction, _ := strings.Cut(cell(columnPrice), ".")
		parts, err := strconv.ParseInt(whole+(fraction + strings.Repeat("0", decimals))[:decimals], 10, 64)
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		read[sku] = &Money{parts, cell(columnCurrency)}
	}
	prices.Store(&read)
	return nil
}

// Price returns the monthly price of one unit of the product; nil if no price is known.
func (s *SubscribedSku) Price() *Money {
	known := prices.Load()
	if known == nil {
		return nil
	}
	if s.SkuID != nil {
		if price := (*known)[string(*s.SkuID)]; price != nil {
			return price
		}
	}
	if s.SkuPartNumber == nil {
		return nil
	}
	return (*known)[strings.ToLower(*s.SkuPartNumber)]
}

// MonthlyCost returns the monthly cost of the owned units; nil if it is not known.
func (u *Units) MonthlyCost() *Money { return u.price.times(u.Owned) }

// FreeMonthlyCost returns the monthly cost of the free units; nil if it is not known.
func (u *Units) FreeMonthlyCost() *Money { return u.price.times(u.Free) }
