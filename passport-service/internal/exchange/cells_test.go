package exchange_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestReadCells reads CSV files with one value, as spreadsheets of different countries and people write it.
func TestReadCells(t *testing.T) {
	const (
		boolean = "generalInformation.isRechargeable"
		serial  = "generalInformation.batterySerialNumber"
		month   = "generalInformation.puttingIntoServiceDate"

		minHeader     = "performanceAndDurability.idleTemperatureRange.minC"
		percentHeader = "performanceAndDurability.capacityThresholdForExhaustionPercent"
		countryHeader = "generalInformation.manufacturingFacility.country"
		rawHeader     = "materialComposition.criticalRawMaterials"
	)
	for _, c := range []struct{ header, cells, value, message string }{ // value =: that of the cell; "": none
		{boolean, "TRUE|true|1|WAHR|Wahr|VRAI|PRAWDA|verdadero|WAAR|IGAZ|ΑΛΗΘΕΣ| true ", "true", ""},
		{boolean, "FALSE|0|FALSCH|FAUX|FAŁSZ|fałsz|falso|ONWAAR|EPÄTOSI|ЛЪЖА", "false", ""},
		{boolean, "ja", "", `isRechargeable must be true or false, got "ja"`},
		{massHeader, "1450,5|+1450,5|1450.5", "1450.5", ""},
		{massHeader, "1.450,5|1 450,5|1\u00a0450,5|1\u202f450,5|1'450,5|1’450.5|1.450|12 345 678", "", "with up to 3 decimal places, without separators of thousands, got"},
		{minHeader, "\u221220|-20", "-20", ""},
		{minHeader, "–20|20 °C", "", "must be a number in °C, got"},
		{percentHeader, "80|80%|80 %|80\u00a0%", "80", ""},
		{percentHeader, "%|80%%|80 Prozent", "", "must be a number in %"},
		{massHeader, "#NV|#N/A|#REF!|#BEZUG!|#DIV/0!|#¿NOMBRE?|#VÄRDEFEL!|#####|Err:502", "", "has the error"},
		{nameHeader, "#NV|#REF!", "", "has the error #"},
		{nameHeader, "NaN|null|None|N/A|<NA>", "=", "leave the cell empty if the value is missing"},
		{nameHeader, "MÃ¼ller|StÃ¤dte", "=", "looks like UTF-8 that was read with another encoding"},
		{nameHeader, "NA", "=", "leave the cell empty if the value is missing"},
		{countryHeader, "NA", "=", ""},
		{countryHeader, "N/A", "=", "leave the cell empty if the value is missing"},
		{nameHeader, "Müller|Ältere Straße|Ørsted|Ã", "=", ""},
		{nameHeader, "=1+2", "=", "begins with =, and was imported as a text"},
		{nameHeader, "'=1+2", "=1+2", ""},
		{nameHeader, `'"null"`, "null", ""},
		{nameHeader, "'s-Hertogenbosch", "=", ""},
		{serial, "'0012", "=", "with an apostrophe"},
		{serial, "1.23457E+17|9,5211E+12|1E+15", "=", "as spreadsheets shorten long numbers"},
		{serial, "9521100000116.0", "=", "without the decimal point"},
		{serial, "1E5|E+12|1.0A|v1.0", "=", ""},
		{rawHeader, "Lithium", `["Lithium"]`, ""},
		{rawHeader, "Lithium, Cobalt", `["Lithium, Cobalt"]`, "write one value in each line of the cell"},
		{nameHeader, "#1|#x!|Err:|A\nB|A\u200bB", "=", ""},
		{nameHeader, " A|\u00a0A\n", "A", ""},
		{nameHeader, `'"#REF!"`, "#REF!", ""},
		{dateHeader, "2025-07-01|01.07.2025|1.7.2025|2025/07/01|2025.7.1|2025-07-01T00:00:00|2025-07-01T00:00:00.000Z| 1.7.2025 |20250701|1. 7. 2025|01. 07. 2025.|2025. 07. 01.|2025.07.01.", "2025-07-01", ""},
		{dateHeader, "13/07/2025|07/13/2025|13-7-2025", "2025-07-13", ""},
		{dateHeader, "07/07/2025", "2025-07-07", ""},
		{dateHeader, "01.07.2025 18:00|2025-07-01 18:00:00", "2025-07-01", "placingOnMarketDate has no time of day: 18:00:00 was removed"},
		{dateHeader, "07/01/2025|01-07-2025", "=", "it has two meanings, because the month is first in some countries"},
		{dateHeader, "01.07.25|1/7/25", "=", "it needs a year with four digits"},
		{dateHeader, "32.01.2025|29.02.2025|2025-07|45839|20251301|2025070|x", "=", "placingOnMarketDate should be a date YYYY-MM-DD, got"},
		{dateHeader, `'"01.07.2025"`, "01.07.2025", ""},
		{month, "2025-07|07.2025|7/2025|2025/7", "2025-07", ""},
		{month, "01.07.2025", "2025-07-01", ""},
		{timeHeader, "2025-07-01T18:00:00Z|2025-07-01 18:00 Z", "2025-07-01T18:00:00Z", ""},
		{timeHeader, "2025-07-01T18:00:00.250+02:00|2025-07-01 18:00:00.250+0200", "2025-07-01T18:00:00.250+02:00", ""},
		{timeHeader, "01.07.2025 18:00|2025-07-01 18:00:00|2025-07-01T18:00|1.7.2025, 18:00:00", "2025-07-01T18:00:00Z", "has no time zone: UTC was assumed, 2025-07-01T18:00:00Z"},
		{timeHeader, "01.07.2025|2025-07-01", "2025-07-01T00:00:00Z", "has no time of day: UTC was assumed"},
		{timeHeader, "01.07.2025 25:00|01.07.2025 6:00 PM|2025-07", "=", "it cannot be published"},
		{timeHeader, "01.07.25 18:00", "=", "it needs a year with four digits"},
		{serial, "A-1|A 1", "=", ""},
		{serial, "A\n1", "=", "has the invisible character U+000A"},
		{serial, "A\u202e1|A\u200b1", "=", "has the invisible character U+20"},
	} {
		for cell := range strings.SplitSeq(c.cells, "|") {
			want := c.value
			if want == "=" {
				want = cell
			}
			if value, message := readCell(t, c.header, cell); value != want || !strings.Contains(message, c.message) || c.message == "" && message != "" {
				t.Errorf("%s %q: got %q, %s; want %q, %s", c.header, cell, value, message, want, c.message)
			}
		}
	}
}

// readCell returns the value of a cell, and its error or warning.
func readCell(t *testing.T, header, cell string) (value, message string) {
	t.Helper()
	file := header + ";" + idHeader + "\n\"" + strings.ReplaceAll(cell, `"`, `""`) + "\";i\n"
	src, err := exchange.CSV(strings.NewReader(file), "", rules())
	if err != nil {
		t.Fatal(err)
	}
	r, err := src.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(r.Errors, r.Warnings...) {
		message += d.Message
	}
	var body struct {
		Data wire.Value `json:"data"`
	}
	if err := wire.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	v := rules().Parse(body.Data).First(header)
	if text, ok := v.Text(); ok {
		return text, message
	}
	return v.Raw(), message
}

// TestUnitsOfHeaders reads headers of numbers with texts in brackets. Remarks about duties are ignored; other texts must be
// refused, because they may be units and factors.
func TestUnitsOfHeaders(t *testing.T) {
	const (
		energy     = "performanceAndDurability.ratedEnergyKwh"
		resistance = "performanceAndDurability.initialInternalResistance.packOhm"
		footprint  = "carbonFootprint.totalCarbonFootprint"
		share      = "performanceAndDurability.capacityThresholdForExhaustionPercent"
		soce       = "Certifierad energistatus"
	)
	for _, c := range []struct{ header, units, want string }{ // want: the unit in the error
		{massHeader, "kg|KG|Kg| kg ", ""},
		{massHeader, "g|G|Gramm|grams|pounds|t|kg/m²|mg", "kg"},
		{massHeader, "optional|Pflicht|required|obligatoire|обязательно|προαιρετικό|nem kötelező|mandatory under a condition|a|C|M|*|kg optional|optional: in kg|Kilogramm|χιλιόγραμμα", ""},
		{massHeader, "g optional|in g|Angabe in g|unit: g|1000 kg|10^3 kg|Monate|mois|°F|V|Kilowatt|MWh|W/kg|kg/mol", "kg"},
		{massHeader, "g.|gr|γρ|T|to|dkg|lbm|net g|weight/g|x1000|in thousands|1|m kg|kg per cell|siehe Anlage", "kg"},
		{massHeader + " [g]", "kg", "kg"},
		{massHeader + " [kg]", "optional", ""},
		{energy, "kWh|KWH|kwh|kW h", ""},
		{energy, "WH|wh|MWH|mwh|Watt-hours|kW|kW/h", "kWh"},
		{resistance, "Ω|\u2126|Ohm|ohm|OHM|Ohms", ""},
		{footprint, "kgCO2e|kg CO₂-Äq.|kg CO2e Pflicht", ""},
		{footprint, "tCO2e|gCO2e|ktCO2eq|kg CO2e/kWh", "kg CO2e"},
		{resistance, "microohm|m-Ohm|m Ω|a mΩ|R|mohm|MOHM|uOhm|\u03bcΩ|\u00b5Ω|m\u2126|mΩ|kΩ", "Ω"},
		{share, "%", ""},
		{share, "‰|ppm|0-1|0..1|fraction|Promille", "%"},
		{soce, "SOCE", ""},
		{soce + " [%]", "SOCE", ""},
		{soce + " [kWh]", "SOCE", "%"},
		{nameHeader, "g|x", ""},
	} {
		for unit := range strings.SplitSeq(c.units, "|") {
			_, err := exchange.CSV(strings.NewReader(idHeader+";"+c.header+" ("+unit+")\n"), "", rules())
			f, _ := errors.AsType[*fault.Error](err)
			if c.want == "" && err != nil || c.want != "" && (f == nil || len(f.Details) != 1 || !strings.Contains(f.Details[0].Message, "must be in "+c.want)) {
				t.Errorf("%s (%s): got %+v, want unit %q", c.header, unit, f, c.want)
			}
		}
	}
}
