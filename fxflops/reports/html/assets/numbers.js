// How numbers are written: the same as in fxflops/reports/wording.py, in integers alone.

const PREFIXES = ["k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q"];

const absolute = (value) => (value < 0n ? -value : value);

// The integer with its thousands apart.
function exact(value) {
  return value === null ? "?" : value.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

// part / whole for a positive whole, rounded to `places`, ties to even.
function decimal(part, whole, places) {
  const scaledPart = absolute(part) * 10n ** BigInt(places);
  let quotient = scaledPart / whole;
  const rest = scaledPart % whole;
  if (2n * rest > whole || (2n * rest === whole && quotient % 2n)) quotient += 1n;
  const digits = quotient.toString().padStart(places + 1, "0");
  const sign = part < 0n && quotient ? "-" : "";
  const fraction = places ? `.${digits.slice(-places)}` : "";
  return sign + digits.slice(0, digits.length - places) + fraction;
}

// Four significant digits and an SI prefix: [“136.4”, “G”].
function scaledParts(value) {
  if (value === null) return ["?", ""];
  if (value < 1000n) return [value.toString(), ""];
  let unit = 1n;
  for (const prefix of PREFIXES) {
    unit *= 1000n;
    if (100n * value < 99995n * unit)
      return [decimal(value, unit, 4 - (value / unit).toString().length), prefix];
  }
  const power = value.toString().length - 1;
  const mantissa = decimal(value, 10n ** BigInt(power), 3);
  return [mantissa === "10.000" ? `1.000e${power + 1}` : `${mantissa}e${power}`, ""];
}

const scaled = (value) => scaledParts(value).join(" ").trim();

// A percentage with one decimal.
function share(part, whole) {
  return part === null || !whole ? "" : `${decimal(100n * part, whole, 1)} %`;
}

// part / whole as a float between 0 and 1, for lengths on the screen.
function fraction(part, whole) {
  return whole ? Number((part * 0x100000000n) / whole) / 0x100000000 : 0;
}
