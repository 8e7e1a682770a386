"""GLSL sources with which bodies in painted clothes and boxes are drawn."""

LIGHT = """
uniform vec3 light_way;      // unit, from the light
uniform vec3 light_colour;
uniform vec3 sky_light;
uniform vec3 ground_light;
uniform vec3 eye;
uniform sampler2D noise;
vec3 lit(vec3 colour, vec3 normal, vec3 world, float gloss) {
    vec3 to_eye = normalize(eye - world);
    float front = max(dot(normal, -light_way), 0.0);
    vec3 fill = mix(ground_light, sky_light, 0.5 + 0.5 * normal.y);
    float shine = gloss * pow(max(dot(normal, normalize(to_eye - light_way)), 0.0), 24.0);
    return colour * (fill + front * light_colour) + shine * light_colour;
}
"""

BODY_VERTEX = """
#version 330
in vec3 rest;
in vec3 normal;
in vec3 canon;
in vec4 bones;
in vec4 weights;
in float material;
uniform mat4 joints[24];
uniform mat4 view_projection;
uniform vec3 light_way;
uniform float shadow;
out vec3 v_canon;
out vec3 v_normal;
out vec3 v_world;
flat out float v_material;
void main() {
    mat4 bend = weights.x * joints[int(bones.x)] + weights.y * joints[int(bones.y)]
              + weights.z * joints[int(bones.z)] + weights.w * joints[int(bones.w)];
    vec3 world = (bend * vec4(rest, 1.0)).xyz;
    if (shadow > 0.5) {
        world -= light_way * (max(world.y, 0.0) / light_way.y);
        world.y = 0.004;
    }
    v_world = world;
    v_normal = mat3(bend) * normal;
    v_canon = canon;
    v_material = material;
    gl_Position = view_projection * vec4(world, 1.0);
}
"""

BODY_FRAGMENT = (
    """
#version 330
in vec3 v_canon;
in vec3 v_normal;
in vec3 v_world;
flat in float v_material;
"""
    + LIGHT
    + """
uniform vec3 colours[8];     // skin, hair, shirt, trousers, shoes, second colours of shirt and trousers, lips
uniform vec4 cut;            // sleeve end |x|, shirt hem y, trouser hem y, neckline radius
uniform vec4 pattern;        // kind of shirt, its scale, kind of trousers, its scale
uniform vec4 face;           // brows, beard, hat, glasses, each 0..1
uniform vec4 cloth;          // fold strength, fold scale, colour noise, bald
uniform vec3 shadow_colour;
uniform float shadow;
uniform float identity;
out vec4 colour;

float blob(vec2 at, vec2 centre, vec2 radii) { vec2 d = (at - centre) / radii; return dot(d, d); }

float woven(float kind, float scale, vec3 p) {
    vec3 q = p * scale;
    if (kind < 0.5) return 0.0;
    if (kind < 1.5) return step(0.5, fract(q.y));
    if (kind < 2.5) return step(0.5, fract(q.x));
    if (kind < 3.5) return abs(step(0.5, fract(q.x)) - step(0.5, fract(q.y + q.z)));
    if (kind < 4.5) return smoothstep(0.47, 0.53, texture(noise, q.xy * 0.12 + q.z * 0.05).r);
    if (kind < 5.5) return 1.0 - step(1.0, blob(p.xy, vec2(0.0, 1.28), vec2(0.10, 0.06)));
    return step(p.y, 1.22);
}

void main() {
    if (shadow > 0.5) { colour = vec4(shadow_colour, identity); return; }
    vec3 p = v_canon;
    float side = abs(p.x);
    int region = int(v_material + 0.5);
    bool head = p.y > 1.50 && side < 0.12;
    if (region == 0 && !head) {
        if (side > 0.30 && side < cut.x) region = 2;
        if (side < 0.30 && p.y > 1.30 && length(p - vec3(0.0, 1.507, 0.046)) > cut.w) region = 2;
    }
    if (region == 2 && side > cut.x) region = 0;
    if (region == 3 && p.y > cut.y) region = 2;
    if (region == 2 && p.y < cut.y && side < 0.3) region = 3;
    if (region == 3 && p.y < cut.z) region = 0;
    if (region == 0 && p.y < 0.5 && p.y > cut.z) region = 3;
    if (region == 1 && cloth.w > 0.5) region = 0;
    if (head && p.y > 1.648 && face.z > 0.5) region = 3;
    vec3 base = colours[region];
    vec3 n = normalize(v_normal);
    if (!gl_FrontFacing) n = -n;
    float gloss = region == 4 ? 0.25 : 0.05;
    if (region == 2) base = mix(base, colours[5], woven(pattern.x, pattern.y, p));
    if (region == 3) base = mix(base, colours[6], woven(pattern.z, pattern.w, p));
    if (region == 2 || region == 3) {
        vec2 q = vec2(p.x + p.z, p.y * 0.7) * cloth.y;
        vec3 fold = texture(noise, q).rgb - 0.5;
        n = normalize(n + cloth.x * fold);
        base *= 1.0 + 0.5 * cloth.x * fold.x;
    } else {
        base *= 1.0 + 0.25 * (texture(noise, p.xy * 3.0 + p.z).g - 0.5);
    }
    if (region == 1) base *= 0.75 + 0.6 * texture(noise, vec2(p.x * 14.0, p.y * 2.0 + p.z)).b;
    if (region == 0 && head && p.z > 0.085) {
        vec2 f = vec2(side, p.y);
        float eye_white = blob(f, vec2(0.031, 1.607), vec2(0.0135, 0.0058));
        if (eye_white < 1.0) { base = vec3(0.72); gloss = 0.3; }
        if (eye_white < 1.3 && eye_white > 0.85) base *= 0.35;
        if (blob(f, vec2(0.031, 1.607), vec2(0.0058)) < 1.0) base = vec3(0.06, 0.04, 0.03);
        if (blob(f, vec2(0.032, 1.624), vec2(0.019, 0.0038)) < 1.0) base = mix(base, colours[1], face.x);
        if (blob(f, vec2(0.0, 1.541), vec2(0.025, 0.0075)) < 1.0) base = mix(base, colours[7], 0.7);
        if (blob(f, vec2(0.0, 1.541), vec2(0.023, 0.0016)) < 1.0) base *= 0.4;
        if (blob(f, vec2(0.008, 1.566), vec2(0.0045, 0.003)) < 1.0 && p.z > 0.14) base *= 0.45;
        float lens = blob(f, vec2(0.032, 1.605), vec2(0.022, 0.015));
        if (face.w > 0.5 && lens < 1.0 && lens > 0.72) base = vec3(0.04);
        if (face.w > 0.9 && lens < 0.75) base *= 0.25;
    }
    float mouth = blob(p.xy, vec2(0.0, 1.541), vec2(0.028, 0.010));
    if (region == 0 && head && p.y < 1.553 && p.z > 0.05 && mouth > 1.0)
        base = mix(base, colours[1], face.y * (0.6 + 0.4 * texture(noise, p.xy * 20.0).r));
    base *= 1.0 + cloth.z * (texture(noise, vec2(p.x - p.z, p.y) * 9.0).a - 0.5);
    colour = vec4(lit(base, n, v_world, gloss), identity);
}
"""
)

BOX_VERTEX = """
#version 330
in vec3 place;
in vec3 normal;
uniform mat4 model;
uniform vec3 size;
uniform mat4 view_projection;
out vec3 v_local;
out vec3 v_axis;
out vec3 v_normal;
out vec3 v_world;
void main() {
    vec4 world = model * vec4(place * size, 1.0);
    v_local = place * size;
    v_axis = normal;
    v_normal = mat3(model) * normal;
    v_world = world.xyz;
    gl_Position = view_projection * world;
}
"""

BOX_FRAGMENT = (
    """
#version 330
in vec3 v_local;
in vec3 v_axis;
in vec3 v_normal;
in vec3 v_world;
"""
    + LIGHT
    + """
uniform vec3 colours[2];
uniform vec4 pattern;        // kind, scale per m, noise strength, shift
uniform float identity;
out vec4 colour;
void main() {
    vec3 w = abs(v_axis);
    vec2 uv = w.x > 0.5 ? v_local.zy : (w.y > 0.5 ? v_local.xz : v_local.xy);
    vec2 q = uv * pattern.y + pattern.w;
    float kind = pattern.x;
    float mixed = 0.0;
    if (kind < 0.5) mixed = 0.0;
    else if (kind < 1.5) mixed = abs(step(0.5, fract(q.x)) - step(0.5, fract(q.y)));
    else if (kind < 2.5) mixed = step(0.5, fract(q.x));
    else if (kind < 3.5) mixed = smoothstep(0.40, 0.60, texture(noise, q * 0.15).r);
    else if (kind < 4.5) {
        float row = floor(q.y * 2.0);
        vec2 b = vec2(fract(q.x + 0.5 * mod(row, 2.0)), fract(q.y * 2.0));
        mixed = max(step(b.x, 0.06), step(b.y, 0.10));
    } else {
        float plank = floor(q.x * 3.0);
        mixed = texture(noise, vec2(plank * 0.37, q.y * 0.07)).r * 0.8 + 0.2 * texture(noise, q * vec2(1.0, 0.1)).g;
        mixed = max(mixed, step(fract(q.x * 3.0), 0.05));
    }
    vec3 base = mix(colours[0], colours[1], mixed);
    base *= 1.0 + pattern.z * (texture(noise, q * 0.31).b - 0.5);
    vec3 n = normalize(v_normal);
    if (!gl_FrontFacing) n = -n;
    colour = vec4(lit(base, n, v_world, 0.0), identity);
}
"""
)

SKY_VERTEX = """
#version 330
in vec2 place;
out vec2 v_place;
void main() { v_place = place; gl_Position = vec4(place, 0.99999, 1.0); }
"""

SKY_FRAGMENT = """
#version 330
in vec2 v_place;
uniform sampler2D noise;
uniform vec3 colours[2];
uniform vec4 pattern;        // noise strength, noise scale, turn cos, turn sin
out vec4 colour;
void main() {
    float along = 0.5 + 0.5 * dot(v_place, pattern.zw);
    vec3 base = mix(colours[0], colours[1], along);
    vec3 speck = texture(noise, v_place * pattern.y).rgb - 0.5;
    colour = vec4(base * (1.0 + pattern.x * speck), 0.0);
}
"""
